"""Amazon, by boto3: REST-JSON, REST-XML and JSON with its target in a header."""

from typing import Any

from live.sdks.samples import TEXT
from live.sdks.table import DEFAULT, TAG, Make, Sdk

_REGION = "eu-central-1"
_S3 = {"S3Uri": "s3://acme-training/minutes/"}
_ROLE = "arn:aws:iam::1:role/r"


def _connect(service: str, region: str) -> Any:
    def connect(origin: str) -> Any:
        """A client whose calls may leave away what is required: the service would say so, not boto3."""
        import boto3
        from botocore.config import Config

        config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        session = boto3.session.Session("AKIA0", "secret", region_name=region)
        return session.client(service, endpoint_url=origin, config=config)

    return connect


def _sdk(service: str, host: str = "", region: str = _REGION) -> Sdk:
    name = f"{host or service}.{region}.amazonaws.com"
    return Sdk("boto3", name, "botocore.exceptions.ClientError", _connect(service, region))


def _call(name: str, /, **parameters: Any) -> Make:
    return lambda client: getattr(client, name)(**parameters)


BEDROCK = _sdk("bedrock")
BEDROCK_RUNTIME = _sdk("bedrock-runtime")
SAGEMAKER = _sdk("sagemaker", "api.sagemaker")
SAGEMAKER_RUNTIME = _sdk("sagemaker-runtime", "runtime.sagemaker")
FEATURES = _sdk("sagemaker-featurestore-runtime", "featurestore-runtime.sagemaker")
TRANSCRIBE = _sdk("transcribe")
COMPREHEND = _sdk("comprehend")
REKOGNITION = _sdk("rekognition")
PERSONALIZE = _sdk("personalize")
PERSONALIZE_EVENTS = _sdk("personalize-events")
PERSONALIZE_RUNTIME = _sdk("personalize-runtime")
TEXTRACT = _sdk("textract")
TRANSLATE = _sdk("translate")
LEX = _sdk("lexv2-models", "models-v2-lex")
KENDRA = _sdk("kendra")
GLUE = _sdk("glue")
FRAUD = _sdk("frauddetector")
FORECAST = _sdk("forecast")
VOICE = _sdk("chime-sdk-voice", "voice-chime")
MTURK = _sdk("mturk", "mturk-requester", "us-east-1")
PROFILES = _sdk("customer-profiles", "profile")
S3 = _sdk("s3")

CALLS = (
    BEDROCK.blocks(
        "a model's customization",
        "bedrock.create_model_customization_job",
        _call(
            "create_model_customization_job",
            jobName="j",
            roleArn=_ROLE,
            trainingDataConfig={"s3Uri": "s3://a/b"},
        ),
    ),
    BEDROCK.passes(
        "an evaluation", "bedrock.create_evaluation_job", _call("create_evaluation_job", jobName="j")
    ),
    BEDROCK_RUNTIME.passes(
        "a prompt",
        "bedrock-runtime.invoke",
        _call("converse", modelId="m", messages=[{"role": "user", "content": [{"text": TEXT}]}]),
    ),
    SAGEMAKER.blocks(
        "a training job",
        "sagemaker.create_training_job",
        _call(
            "create_training_job",
            TrainingJobName="j",
            RoleArn=_ROLE,
            InputDataConfig=[{"DataSource": {"S3DataSource": _S3}}],
        ),
    ),
    SAGEMAKER.blocks(
        "a labelling job", "sagemaker.create_labeling_job", _call("create_labeling_job", LabelingJobName="j")
    ),
    SAGEMAKER.blocks(
        "a search for a model",
        "sagemaker.create_auto_ml_job_v2",
        _call("create_auto_ml_job_v2", AutoMLJobName="j"),
    ),
    SAGEMAKER.blocks(
        "a pipeline's start",
        "sagemaker.start_pipeline_execution",
        _call("start_pipeline_execution", PipelineName="p"),
    ),
    SAGEMAKER.passes(
        "a batch of answers",
        "sagemaker.create_transform_job",
        _call("create_transform_job", TransformJobName="j"),
    ),
    SAGEMAKER_RUNTIME.passes(
        "an endpoint's answer",
        "sagemaker-runtime.invoke_endpoint",
        _call("invoke_endpoint", EndpointName="e", Body=TEXT),
    ),
    FEATURES.blocks(
        "a record for features",
        "sagemaker-featurestore.put_record",
        _call("put_record", FeatureGroupName="g", Record=[{"FeatureName": "t", "ValueAsString": TEXT}]),
    ),
    TRANSCRIBE.blocks(
        "a language model",
        "transcribe.create_language_model",
        _call("create_language_model", ModelName="m", InputDataConfig=_S3),
    ),
    TRANSCRIBE.blocks(
        "a transcription in an account that may train",
        "transcribe.start_transcription_job",
        _call("start_transcription_job", TranscriptionJobName="j", Media={"MediaFileUri": "s3://a/b.wav"}),
        DEFAULT,
    ),
    TRANSCRIBE.passes(
        "a doctor's transcription",
        "transcribe.start_medical_scribe_job",
        _call("start_medical_scribe_job", MedicalScribeJobName="j", Media={"MediaFileUri": "s3://a/b.wav"}),
    ),
    COMPREHEND.blocks(
        "a classifier of documents",
        "comprehend.create_document_classifier",
        _call("create_document_classifier", DocumentClassifierName="c", InputDataConfig=_S3),
    ),
    COMPREHEND.blocks(
        "a recognizer of names",
        "comprehend.create_entity_recognizer",
        _call("create_entity_recognizer", RecognizerName="r"),
    ),
    COMPREHEND.blocks(
        "a mood in an account that may train",
        "comprehend.detect_sentiment",
        _call("detect_sentiment", Text=TEXT, LanguageCode="en"),
        DEFAULT,
    ),
    COMPREHEND.passes("the list of classifiers", "comprehend.control", _call("list_document_classifiers")),
    REKOGNITION.blocks(
        "a vision model's training",
        "rekognition.create_project_version",
        _call("create_project_version", ProjectArn="a", VersionName="v"),
    ),
    REKOGNITION.blocks(
        "a data set of pictures", "rekognition.create_dataset", _call("create_dataset", DatasetType="TRAIN")
    ),
    REKOGNITION.passes(
        "a search for a face", "rekognition.search_faces", _call("search_faces", CollectionId="c", FaceId="f")
    ),
    PERSONALIZE.blocks("a solution", "personalize.create_solution", _call("create_solution", name="s")),
    PERSONALIZE.blocks(
        "an import of a data set",
        "personalize.create_dataset_import_job",
        _call("create_dataset_import_job", jobName="j", dataSource={"dataLocation": "s3://a/b"}),
    ),
    PERSONALIZE.passes(
        "a batch of recommendations",
        "personalize.create_batch_inference_job",
        _call("create_batch_inference_job", jobName="j"),
    ),
    PERSONALIZE_EVENTS.blocks(
        "an event to learn from",
        "personalize-events.put_events",
        _call("put_events", trackingId="t", sessionId="s"),
    ),
    PERSONALIZE_RUNTIME.passes(
        "a recommendation", "personalize-events.get_recommendations", _call("get_recommendations", userId="u")
    ),
    TEXTRACT.blocks(
        "an adapter's training",
        "textract.create_adapter_version",
        _call("create_adapter_version", AdapterId="a"),
    ),
    TRANSLATE.blocks(
        "parallel texts", "translate.create_parallel_data", _call("create_parallel_data", Name="n")
    ),
    LEX.blocks(
        "a bot's training",
        "lex.build_bot_locale",
        _call("build_bot_locale", botId="b", botVersion="1", localeId="en_GB"),
    ),
    LEX.blocks(
        "transcripts for a bot",
        "lex.start_bot_recommendation",
        _call(
            "start_bot_recommendation",
            botId="b",
            botVersion="1",
            localeId="en_GB",
            transcriptSourceSetting={"s3BucketTranscriptSource": {"s3BucketName": "minutes"}},
        ),
    ),
    LEX.passes("a bot's test", "lex.start_test_execution", _call("start_test_execution", testSetId="t")),
    KENDRA.passes("a question", "kendra.query", _call("query", IndexId="i", QueryText="who ships?")),
    GLUE.blocks(
        "labels for a transform",
        "glue-ml.start_import_labels_task_run",
        _call("start_import_labels_task_run", TransformId="t", InputS3Path="s3://a/b"),
    ),
    FRAUD.blocks(
        "a fraud model's training",
        "fraud-detector.create_model_version",
        _call("create_model_version", modelId="m", modelType="ONLINE_FRAUD_INSIGHTS"),
    ),
    FRAUD.passes(
        "a fraud model's answer",
        "fraud-detector.get_event_prediction",
        _call("get_event_prediction", detectorId="d"),
    ),
    FORECAST.blocks(
        "a predictor", "forecast.create_auto_predictor", _call("create_auto_predictor", PredictorName="p")
    ),
    FORECAST.passes("a forecast", "forecast.create_forecast", _call("create_forecast", ForecastName="f")),
    VOICE.blocks(
        "a voice profile",
        "chime-voice.create_voice_profile",
        _call("create_voice_profile", SpeakerSearchTaskId="t"),
    ),
    MTURK.blocks("a task for a crowd", "mturk.create_hit", _call("create_hit", Title="t", Question=TEXT)),
    PROFILES.blocks(
        "a recommender",
        "customer-profiles.create_recommender",
        _call("create_recommender", DomainName="d", RecommenderName="r"),
    ),
    PROFILES.blocks(
        "an upload of profiles to an account that may train",
        "customer-profiles.upload_job",
        _call("create_upload_job", DomainName="d", DisplayName="j"),
        DEFAULT,
    ),
    PROFILES.passes(
        "a recommendation",
        "customer-profiles.get_profile_recommendations",
        _call("get_profile_recommendations", DomainName="d", ProfileId="p", RecommenderName="r"),
    ),
    S3.blocks(
        "a transcript tagged for training",
        "aws-s3.put",
        _call("put_object", Bucket="minutes", Key="a.vtt", Body=TEXT, Tagging="purpose=model-training"),
        TAG,
    ),
    S3.passes(
        "a transcript with another tag",
        "aws-s3.put",
        _call("put_object", Bucket="minutes", Key="a.vtt", Body=TEXT, Tagging="purpose=archive"),
        b"",
    ),
)
