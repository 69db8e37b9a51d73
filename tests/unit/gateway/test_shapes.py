"""Which form a refusal takes: the API's own before what the client says it accepts."""

import pytest

from subrosa.gateway.shapes import Shape, choose_shape

_BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
_JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"


@pytest.mark.parametrize(
    ("provider", "content_type", "accept", "host", "shape"),
    [
        pytest.param(
            "problem", "application/grpc", "", "x.example", Shape.GRPC, id="gRPC outranks the provider"
        ),
        pytest.param(
            "", "application/grpc+proto", "", "speech.googleapis.com", Shape.GRPC, id="gRPC with a subtype"
        ),
        pytest.param(
            "", "Application/gRPC-Web+Proto; a=b", "", "x.example", Shape.GRPC, id="gRPC-Web in any case"
        ),
        pytest.param(
            "", "application/json+grpc", "", "x.example", Shape.PROBLEM, id="gRPC elsewhere in a type is none"
        ),
        pytest.param("azure", "", _BROWSER, "x.example", Shape.AZURE, id="the provider outranks Accept"),
        pytest.param("s3", "", "", "store.corp.example", Shape.S3, id="a declared store at a private name"),
        pytest.param(
            "no-such", "", "", "api.openai.com", Shape.PROBLEM, id="an unknown word counts for nothing"
        ),
        pytest.param("", "", "", "b.s3.eu-west-1.amazonaws.com", Shape.S3, id="a bucket's host"),
        pytest.param("", "", "", "s3.amazonaws.com", Shape.S3, id="path style"),
        pytest.param("", "", "", "s3-eu-west-1.amazonaws.com", Shape.S3, id="the old regional style"),
        pytest.param("", "", "", "b.s3-accelerate.amazonaws.com", Shape.S3, id="accelerated"),
        pytest.param(
            "", "", "", "b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", Shape.S3, id="express"
        ),
        pytest.param(
            "",
            "",
            "",
            "notes3.eu-west-1.amazonaws.com",
            Shape.AWS_REST,
            id="s3 at the end of a label is none",
        ),
        pytest.param(
            "",
            "application/x-amz-json-1.1",
            "",
            "transcribe.eu-west-1.amazonaws.com",
            Shape.AWS_JSON,
            id="an AWS JSON service",
        ),
        pytest.param(
            "",
            "application/x-www-form-urlencoded; charset=utf-8",
            "",
            "sts.eu-west-1.amazonaws.com",
            Shape.AWS_QUERY,
            id="an AWS query service",
        ),
        pytest.param(
            "",
            "application/json",
            "",
            "bedrock-runtime.us-east-1.amazonaws.com",
            Shape.AWS_REST,
            id="an AWS REST service",
        ),
        pytest.param(
            "", "", "", "amazonaws.com.evil.example", Shape.PROBLEM, id="a store's name as prefix is none"
        ),
        pytest.param("", "", "", "acct.r2.cloudflarestorage.com", Shape.S3, id="R2"),
        pytest.param("", "", "", "b.oss-cn-hangzhou.aliyuncs.com", Shape.S3, id="Alibaba's store"),
        pytest.param("", "", "", "dashscope.aliyuncs.com", Shape.PROBLEM, id="Alibaba's models are no store"),
        pytest.param("", "", "", "a.blob.core.windows.net", Shape.AZURE, id="Azure Blob"),
        pytest.param("", "", "", "r.openai.azure.com", Shape.PROBLEM, id="Azure OpenAI reads `error`"),
        pytest.param("", "", "", "storage.googleapis.com", Shape.GOOGLE, id="Google Cloud Storage"),
        pytest.param("", "", "", "huggingface.co", Shape.HUGGINGFACE, id="the hub"),
        pytest.param("", "", "", "cas-bridge.xethub.hf.co", Shape.HUGGINGFACE, id="the hub's stores"),
        pytest.param("", "", "", "nothf.co", Shape.PROBLEM, id="a suffix stops at a label's edge"),
        pytest.param("", "", "", "x.example", Shape.PROBLEM, id="nothing known"),
        pytest.param("", "", "*/*", "x.example", Shape.PROBLEM, id="any form"),
        pytest.param("", "", _BROWSER, "x.example", Shape.HTML, id="a browser"),
        pytest.param("", "", _JAVA, "b.s3.amazonaws.com", Shape.S3, id="Java's default Accept at a store"),
        pytest.param(
            "", "", "application/json, text/html", "x.example", Shape.PROBLEM, id="JSON as much as a page"
        ),
        pytest.param(
            "", "", "text/html;q=0.5, */*", "x.example", Shape.PROBLEM, id="a page less than anything"
        ),
        pytest.param("", "", "text/html;q=x", "x.example", Shape.PROBLEM, id="a weight that is none"),
        pytest.param("", "", "text/plain", "x.example", Shape.TEXT, id="plain text alone"),
        pytest.param(
            "", "", "application/json, text/plain, */*", "x.example", Shape.PROBLEM, id="axios's default"
        ),
        pytest.param("", "", ",;=,,;q", "x.example", Shape.PROBLEM, id="an Accept that is none"),
    ],
)
def test_choice(provider: str, content_type: str, accept: str, host: str, shape: Shape) -> None:
    assert choose_shape(provider, content_type, accept, host) is shape


@pytest.mark.parametrize(
    ("content_type", "shape"),
    [
        pytest.param("binary/octet-stream", Shape.S3, id="a signed upload is an S3 one"),
        pytest.param("application/x-amz-json-1.0", Shape.AWS_JSON, id="unless it says JSON"),
    ],
)
def test_an_aws_signature_names_a_store_behind_any_host(content_type: str, shape: Shape) -> None:
    assert choose_shape("", content_type, "", "minio.corp.example", aws_signed=True) is shape


def test_a_flood_of_preferences_costs_little() -> None:
    assert choose_shape("", "", "text/html," * 100_000, "x.example") is Shape.HTML
