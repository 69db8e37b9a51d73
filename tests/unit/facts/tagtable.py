"""A table of tags in the shape of rules/tags.yaml, small enough to see what each test rests on."""

from subrosa.facts.tags import (
    FormCarrier,
    HeaderCarrier,
    JsonCarrier,
    QueryCarrier,
    TagFormat,
    TagTable,
    Vocabulary,
    XmlCarrier,
)

VOCABULARY = Vocabulary(
    compound=frozenset(
        "model-training ml-training ai-training fine-tune fine-tuning training-data train-ai-system train-ai=y "
        "ai-train=yes https://w3id.org/dpv/ai#ModelTraining".split()
    ),
    bare=frozenset({"train", "training"}),
    purpose_keys=frozenset({"purpose", "data-use", "x-data-purpose"}),
    companions=frozenset({"ai", "ml", "model", "dataset"}),
    protected=frozenset("noai noimageai no-ai-training train-ai=n ai-train=no tdm-reservation=1".split()),
    content_keys=frozenset({"data-class"}),
    content_values=frozenset({"meeting", "meeting-content", "recording", "transcript"}),
)

TABLE = TagTable(
    headers=(
        HeaderCarrier(header="x-amz-tagging", format=TagFormat.QUERY),
        HeaderCarrier(header="x-ms-tags", format=TagFormat.QUERY),
        HeaderCarrier(prefix="x-amz-meta-"),
        HeaderCarrier(prefix="x-goog-meta-"),
        HeaderCarrier(header="baggage", format=TagFormat.BAGGAGE),
        HeaderCarrier(header="content-usage", format=TagFormat.DICTIONARY),
        HeaderCarrier(header="content-signal", format=TagFormat.TEXT),
        HeaderCarrier(header="x-robots-tag", format=TagFormat.TEXT),
        HeaderCarrier(header="tdm-reservation"),
        HeaderCarrier(header="upload-metadata", format=TagFormat.METADATA),
    ),
    queries=(QueryCarrier(param="x-amz-tagging", format=TagFormat.QUERY), QueryCarrier(prefix="x-amz-meta-")),
    forms=(
        FormCarrier(field="tagging", format=TagFormat.TAGSET_XML),
        FormCarrier(prefix="x-amz-meta-"),
        FormCarrier(field="metadata", format=TagFormat.TEXT),
    ),
    json=(
        JsonCarrier(path="metadata.*"),
        JsonCarrier(path="contexts.custom.*.value"),
        JsonCarrier(path="tags[].value"),
        JsonCarrier(path="purpose", key="body-purpose"),
    ),
    xml=(XmlCarrier(root="Tagging"), XmlCarrier(root="Tags")),
    vocabulary=VOCABULARY,
)
