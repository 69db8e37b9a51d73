"""Clouds but Amazon's: Azure, IBM, Databricks, Alibaba."""

from typing import Any

from aiohttp import web

from live.sdks.samples import CHATS, TEXT, WAV
from live.sdks.table import DEFAULT, TAG, Sdk

_AZURE_ERROR = "azure.core.exceptions.HttpResponseError"
_PROJECT = "0a0a0a0a-0000-4000-8000-000000000001"


def _accepted(request: web.Request) -> web.Response:
    return web.Response(status=202, headers={"Operation-Location": f"https://{request.host}/operations/1"})


def _created(_request: web.Request) -> web.Response:
    return web.Response(status=201, headers={"ETag": '"1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"})


def _credential() -> Any:
    from azure.core.credentials import AzureKeyCredential

    return AzureKeyCredential("k")


def _document_models(origin: str) -> Any:
    from azure.ai.documentintelligence import DocumentIntelligenceAdministrationClient

    return DocumentIntelligenceAdministrationClient(origin, _credential(), retry_total=0)


def _documents(origin: str) -> Any:
    from azure.ai.documentintelligence import DocumentIntelligenceClient

    return DocumentIntelligenceClient(origin, _credential(), retry_total=0)


def _language_models(origin: str) -> Any:
    from azure.ai.language.conversations.authoring import ConversationAuthoringClient

    return ConversationAuthoringClient(origin, _credential(), retry_total=0)


def _language(origin: str) -> Any:
    from azure.ai.language.conversations import ConversationAnalysisClient

    return ConversationAnalysisClient(origin, _credential(), retry_total=0)


def _vision_models(origin: str) -> Any:
    from azure.cognitiveservices.vision.customvision.training import CustomVisionTrainingClient
    from msrest.authentication import ApiKeyCredentials

    return CustomVisionTrainingClient(origin, ApiKeyCredentials(in_headers={"Training-key": "k"}))


def _vision(origin: str) -> Any:
    from azure.cognitiveservices.vision.customvision.prediction import CustomVisionPredictionClient
    from msrest.authentication import ApiKeyCredentials

    return CustomVisionPredictionClient(origin, ApiKeyCredentials(in_headers={"Prediction-key": "k"}))


def _blobs(origin: str) -> Any:
    from azure.storage.blob import BlobServiceClient

    return BlobServiceClient(
        origin, credential={"account_name": "acme", "account_key": "a2V5"}, retry_total=0
    )


def _watson(service: str, **options: str) -> Any:
    def connect(origin: str) -> Any:
        import ibm_watson
        from ibm_cloud_sdk_core.authenticators import BearerTokenAuthenticator

        found = getattr(ibm_watson, service)(authenticator=BearerTokenAuthenticator("t"), **options)
        found.set_service_url(f"{origin}/instances/0a0a")
        return found

    return connect


def _databricks(origin: str) -> Any:
    from databricks.sdk import WorkspaceClient

    return WorkspaceClient(host=origin, token="t", auth_type="pat")


def _dashscope(origin: str) -> Any:
    import dashscope

    dashscope.api_key, dashscope.base_http_api_url = "k", f"{origin}/api/v1"
    return dashscope


REGION = "eu-de"
ERROR_IBM = "ibm_cloud_sdk_core.ApiException"
AZURE = "acme.cognitiveservices.azure.com"
DOCUMENT_MODELS = Sdk("azure-ai-documentintelligence", AZURE, _AZURE_ERROR, _document_models)
DOCUMENTS = Sdk("azure-ai-documentintelligence", AZURE, _AZURE_ERROR, _documents)
LANGUAGE_MODELS = Sdk("azure-ai-language-conversations", AZURE, _AZURE_ERROR, _language_models)
LANGUAGE = Sdk("azure-ai-language-conversations", AZURE, _AZURE_ERROR, _language)
VISION_MODELS = Sdk(
    "azure-cognitiveservices-vision-customvision",
    AZURE,
    "msrest.exceptions.HttpOperationError",
    _vision_models,
)
VISION = Sdk(
    "azure-cognitiveservices-vision-customvision", AZURE, "msrest.exceptions.HttpOperationError", _vision
)
BLOBS = Sdk("azure-storage-blob", "acme.blob.core.windows.net", _AZURE_ERROR, _blobs)
SPEECH = Sdk(
    "ibm-watson", f"api.{REGION}.speech-to-text.watson.cloud.ibm.com", ERROR_IBM, _watson("SpeechToTextV1")
)
NLU = Sdk(
    "ibm-watson",
    f"api.{REGION}.natural-language-understanding.watson.cloud.ibm.com",
    ERROR_IBM,
    _watson("NaturalLanguageUnderstandingV1", version="2022-04-07"),
)
DISCOVERY = Sdk(
    "ibm-watson",
    f"api.{REGION}.discovery.watson.cloud.ibm.com",
    ERROR_IBM,
    _watson("DiscoveryV2", version="2023-03-31"),
)
ASSISTANT = Sdk(
    "ibm-watson",
    f"api.{REGION}.assistant.watson.cloud.ibm.com",
    ERROR_IBM,
    _watson("AssistantV2", version="2024-08-25"),
)
DATABRICKS = Sdk(
    "databricks-sdk", "adb-1.2.azuredatabricks.net", "databricks.sdk.errors.PermissionDenied", _databricks
)
DASHSCOPE = Sdk("dashscope", "dashscope-intl.aliyuncs.com", "", _dashscope)

CALLS = (
    DOCUMENT_MODELS.blocks(
        "a document model's training",
        "azure-document-intelligence.models.build",
        lambda c: c.begin_build_document_model(
            {
                "modelId": "m",
                "buildMode": "template",
                "azureBlobSource": {"containerUrl": "https://acme.blob.core.windows.net/c"},
            }
        ),
    ),
    DOCUMENT_MODELS.blocks(
        "a classifier's training",
        "azure-document-intelligence.classifiers.build",
        lambda c: c.begin_build_classifier({"classifierId": "m", "docTypes": {}}),
    ),
    DOCUMENT_MODELS.passes("the list of models", "", lambda c: list(c.list_models()), {"value": []}),
    DOCUMENTS.passes(
        "a document's analysis",
        "azure-document-intelligence.analyze",
        lambda c: c.begin_analyze_document("prebuilt-read", {"base64Source": "aGk="}, polling=False),
        _accepted,
    ),
    LANGUAGE_MODELS.blocks(
        "a language model's training",
        "azure-language.conversations.train",
        lambda c: c.begin_train("p", {"modelLabel": "m", "trainingMode": "standard"}),
    ),
    LANGUAGE_MODELS.blocks(
        "utterances for training",
        "azure-language.conversations.import",
        lambda c: c.begin_import_project("p", {"assets": {"utterances": [{"text": TEXT}]}}),
    ),
    LANGUAGE.passes(
        "a conversation's analysis",
        "azure-language.analyze_conversations",
        lambda c: c.analyze_conversation(
            {"kind": "Conversation", "analysisInput": {"conversationItem": {"text": "Ship."}}}
        ),
    ),
    VISION_MODELS.blocks(
        "a picture for training",
        "azure-custom-vision.images.create_from_data",
        lambda c: c.create_images_from_data(_PROJECT, b"\x89PNG"),
    ),
    VISION_MODELS.blocks(
        "a vision model's training",
        "azure-custom-vision.projects.train",
        lambda c: c.train_project(_PROJECT),
    ),
    VISION_MODELS.passes(
        "a label's name", "azure-custom-vision.control", lambda c: c.create_tag(_PROJECT, "slide")
    ),
    VISION.passes(
        "a picture that is not kept",
        "azure-custom-vision.predict",
        lambda c: c.classify_image_with_no_store(_PROJECT, "m", b"\x89PNG"),
    ),
    BLOBS.blocks(
        "a transcript with a tag for training",
        "azure-blob.put",
        lambda c: c.get_blob_client("minutes", "a.vtt").upload_blob(TEXT, tags={"purpose": "model-training"}),
        TAG,
    ),
    BLOBS.passes(
        "a transcript with another tag",
        "azure-blob.put",
        lambda c: c.get_blob_client("minutes", "a.vtt").upload_blob(TEXT, tags={"purpose": "archive"}),
        _created,
    ),
    SPEECH.blocks(
        "a speech model's training",
        "ibm-speech-to-text.language_models.train",
        lambda c: c.train_language_model("m"),
    ),
    SPEECH.blocks(
        "a corpus for training",
        "ibm-speech-to-text.corpora.add",
        lambda c: c.add_corpus("m", "minutes", TEXT.encode()),
    ),
    SPEECH.blocks(
        "a transcription that is logged",
        "ibm-speech-to-text.recognize",
        lambda c: c.recognize(WAV.read_bytes(), content_type="audio/wav"),
        DEFAULT,
    ),
    SPEECH.passes(
        "a transcription that opts out",
        "ibm-speech-to-text.recognize",
        lambda c: c.recognize(
            WAV.read_bytes(), content_type="audio/wav", headers={"X-Watson-Learning-Opt-Out": "true"}
        ),
    ),
    NLU.blocks(
        "a classification model",
        "ibm-nlu.classifications_models.create",
        lambda c: c.create_classifications_model(
            "en", CHATS.open("rb"), training_data_content_type="application/json"
        ),
    ),
    ASSISTANT.blocks(
        "a skill's utterances",
        "ibm-assistant.skills.update",
        lambda c: c.update_skill(
            "a", "s", workspace={"intents": [{"intent": "ship", "examples": [{"text": TEXT}]}]}
        ),
    ),
    ASSISTANT.passes(
        "a skill's name", "ibm-assistant.control", lambda c: c.update_skill("a", "s", name="Minutes")
    ),
    DISCOVERY.blocks(
        "a training query",
        "ibm-discovery.training_queries.create",
        lambda c: c.create_training_query("p", "who ships?", []),
    ),
    DISCOVERY.passes(
        "a query", "ibm-discovery.query", lambda c: c.query("p", natural_language_query="who ships?")
    ),
    DATABRICKS.blocks(
        "a custom model",
        "databricks.custom_llm",
        lambda c: c.agent_bricks.create_custom_llm(name="m", instructions="Summarise."),
    ),
    DATABRICKS.blocks(
        "an example for a supervisor of agents",
        "databricks.supervisor_examples",
        lambda c: c.supervisor_agents.create_example("supervisor-agents/s", _example()),
    ),
    DATABRICKS.passes(
        "a model's answer",
        "databricks.inference",
        lambda c: c.serving_endpoints.query("m", inputs=["Ship."]),
    ),
    DATABRICKS.passes(
        "a file", "databricks.files", lambda c: c.files.upload("/Volumes/c/s/v/a.vtt", WAV.open("rb"))
    ),
    DASHSCOPE.blocks(
        "a fine-tuning job",
        "dashscope.fine_tunes.create",
        lambda c: c.FineTunes.call(model="qwen-turbo", training_file_ids=["f"]),
    ),
    DASHSCOPE.blocks(
        "a file for fine-tuning, whose purpose this SDK does not send",
        "dashscope.files.create",
        lambda c: c.Files.upload(str(CHATS), purpose="fine-tune"),
    ),
    DASHSCOPE.passes(
        "a chat",
        "dashscope.inference",
        lambda c: c.Generation.call(model="qwen-turbo", prompt=TEXT),
        {"output": {"text": "Ship."}, "request_id": "r"},
    ),
)


def _example() -> Any:
    from databricks.sdk.service.supervisoragents import Example

    return Example(question="who ships?", guidelines=[TEXT])
