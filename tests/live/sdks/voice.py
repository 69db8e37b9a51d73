"""Speech and voices: ElevenLabs, AssemblyAI, Deepgram, Cartesia, LMNT, Resemble, Fish Audio."""

from typing import Any

from live.sdks.samples import TEXT, WAV
from live.sdks.table import DEFAULT, Sdk

_SOUND = WAV.read_bytes()
_AUDIO = b"RIFF"
"""What a synthesis answers."""
_FISH = {
    "_id": "m", "type": "tts", "title": "Ada", "description": "", "cover_image": "", "state": "trained", "tags": [],
    "samples": [], "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "languages": [],
    "visibility": "private", "lock_visibility": False, "like_count": 0, "mark_count": 0, "shared_count": 0,
    "task_count": 0, "author": {"_id": "a", "nickname": "A", "avatar": ""},
}  # fmt: skip


def _elevenlabs(origin: str) -> Any:
    from elevenlabs.client import ElevenLabs

    return ElevenLabs(api_key="k", base_url=origin)


def _assemblyai(origin: str) -> Any:
    import assemblyai

    settings = assemblyai.Settings(api_key="k", base_url=origin)
    return assemblyai.Transcriber(client=assemblyai.Client(settings=settings))


def _deepgram(origin: str) -> Any:
    from deepgram import DeepgramClient
    from deepgram.environment import DeepgramClientEnvironment

    socket = origin.replace("https", "wss")
    places = DeepgramClientEnvironment(base=origin, production=socket, agent=socket, agent_rest=origin)
    return DeepgramClient(api_key="k", environment=places)


def _cartesia(origin: str) -> Any:
    import cartesia

    return cartesia.Cartesia(api_key="k", base_url=origin, max_retries=0)


def _lmnt(origin: str) -> Any:
    import lmnt

    return lmnt.Lmnt(api_key="k", base_url=origin, max_retries=0)


def _resemble(origin: str) -> Any:
    from resemble import Resemble

    Resemble.api_key("k")
    Resemble.base_url(f"{origin}/api/")
    return Resemble.v2


def _fish(origin: str) -> Any:
    from fishaudio import FishAudio

    return FishAudio(api_key="k", base_url=origin)


def _eat(pieces: Any) -> object:
    return list(pieces)


ELEVENLABS = Sdk("elevenlabs", "api.elevenlabs.io", "elevenlabs.core.api_error.ApiError", _elevenlabs)
ASSEMBLYAI = Sdk("assemblyai", "api.assemblyai.com", "assemblyai.types.AssemblyAIError", _assemblyai)
ASSEMBLYAI_EU = Sdk("assemblyai", "api.eu.assemblyai.com", "assemblyai.types.AssemblyAIError", _assemblyai)
DEEPGRAM = Sdk("deepgram-sdk", "api.deepgram.com", "deepgram.core.api_error.ApiError", _deepgram)
CARTESIA = Sdk("cartesia", "api.cartesia.ai", "cartesia.PermissionDeniedError", _cartesia)
LMNT = Sdk("lmnt", "api.lmnt.com", "lmnt.PermissionDeniedError", _lmnt)
RESEMBLE = Sdk("resemble", "app.resemble.ai", "", _resemble)
FISH = Sdk("fish-audio-sdk", "api.fish.audio", "fishaudio.exceptions.APIError", _fish)

CALLS = (
    ELEVENLABS.blocks(
        "an instant voice clone",
        "elevenlabs.voices.ivc.create",
        lambda c: c.voices.ivc.create(name="Ada", files=[("a.wav", _SOUND)]),
    ),
    ELEVENLABS.blocks(
        "a professional voice clone",
        "elevenlabs.voices.pvc.create",
        lambda c: c.voices.pvc.create(name="Ada", language="en"),
    ),
    ELEVENLABS.blocks(
        "a sample for a voice clone",
        "elevenlabs.voices.pvc.samples.create",
        lambda c: c.voices.pvc.samples.create("v", files=[("a.wav", _SOUND)]),
    ),
    ELEVENLABS.blocks(
        "a voice clone's training", "elevenlabs.voices.pvc.train", lambda c: c.voices.pvc.train("v")
    ),
    ELEVENLABS.blocks(
        "a transcription that is logged",
        "elevenlabs.speech",
        lambda c: c.speech_to_text.convert(model_id="scribe_v1", file=("a.wav", _SOUND)),
        DEFAULT,
    ),
    ELEVENLABS.passes(
        "a transcription that is not logged",
        "elevenlabs.speech",
        lambda c: c.speech_to_text.convert(
            model_id="scribe_v1", file=("a.wav", _SOUND), enable_logging=False
        ),
        {"language_code": "en", "language_probability": 1, "text": "Hello.", "words": []},
    ),
    ELEVENLABS.blocks(
        "a recording whose parts are told apart",
        "elevenlabs.speech",
        lambda c: _eat(c.music.separate_stems(file=("a.wav", _SOUND))),
        DEFAULT,
    ),
    ELEVENLABS.passes(
        "a recording whose parts are told apart and not logged",
        "elevenlabs.speech",
        lambda c: _eat(c.music.separate_stems(file=("a.wav", _SOUND), enable_logging=False)),
        _AUDIO,
    ),
    ELEVENLABS.passes("the list of voices", "", lambda c: c.voices.get_all(), {"voices": []}),
    ASSEMBLYAI.blocks(
        "a recording to an account that may train",
        "assemblyai.upload",
        lambda c: c.submit(str(WAV)),
        DEFAULT,
    ),
    ASSEMBLYAI.blocks(
        "a recording by its address",
        "assemblyai.transcript",
        lambda c: c.submit("https://files.example.com/a.wav"),
        DEFAULT,
    ),
    ASSEMBLYAI_EU.passes(
        "a transcription in Europe",
        "assemblyai.europe",
        lambda c: c.submit(str(WAV)),
        {
            "upload_url": "https://cdn.example.com/u",
            "id": "t",
            "status": "queued",
            "audio_url": "https://cdn.example.com/u",
        },
    ),
    DEEPGRAM.blocks(
        "a transcription that may train",
        "deepgram.listen",
        lambda c: c.listen.v1.media.transcribe_file(request=_SOUND),
        DEFAULT,
    ),
    DEEPGRAM.passes(
        "a transcription that opts out",
        "deepgram.listen",
        lambda c: c.listen.v1.media.transcribe_file(request=_SOUND, mip_opt_out=True),
        {"request_id": "r"},
    ),
    DEEPGRAM.blocks(
        "speech that may train",
        "deepgram.speak",
        lambda c: _eat(c.speak.v1.audio.generate(text=TEXT)),
        DEFAULT,
    ),
    DEEPGRAM.passes("the list of projects", "", lambda c: c.manage.v1.projects.list(), {"projects": []}),
    CARTESIA.blocks(
        "a cloned voice",
        "cartesia.voices.clone",
        lambda c: c.voices.clone(clip=WAV, language="en", name="Ada"),
    ),
    CARTESIA.blocks(
        "a data set", "cartesia.datasets.create", lambda c: c.datasets.create(name="d", description="d")
    ),
    CARTESIA.blocks(
        "a file for a data set",
        "cartesia.datasets.files.upload",
        lambda c: c.datasets.files.upload("d", file=WAV),
    ),
    CARTESIA.blocks(
        "a fine-tune",
        "cartesia.fine_tunes.create",
        lambda c: c.fine_tunes.create(dataset="d", description="d", language="en", model_id="m", name="Ada"),
    ),
    CARTESIA.passes(
        "speech",
        "cartesia.inference",
        lambda c: c.tts.generate(
            model_id="sonic",
            transcript="Ship.",
            voice={"mode": "id", "id": "v"},
            output_format={"container": "wav"},
        ),
        _AUDIO,
    ),
    CARTESIA.passes(
        "a transcription",
        "cartesia.inference",
        lambda c: c.stt.transcribe(file=WAV, model="ink-whisper"),
        {"text": "Hello."},
    ),
    LMNT.blocks("a cloned voice", "lmnt.voices.create", lambda c: c.voices.create(name="Ada", file=WAV)),
    LMNT.passes("speech", "lmnt.inference", lambda c: c.speech.generate(text="Ship.", voice="v"), _AUDIO),
    RESEMBLE.blocks(
        "a voice",
        "resemble.voices.create",
        lambda c: c.voices.create("Ada", "https://files.example.com/consent.wav"),
    ),
    RESEMBLE.blocks("a voice's building", "resemble.voices.build", lambda c: c.voices.build("v")),
    RESEMBLE.blocks(
        "a recording for a voice",
        "resemble.recordings.create",
        lambda c: c.recordings.create("v", WAV.open("rb"), "a", "Hello.", True, "neutral"),
    ),
    RESEMBLE.passes(
        "a clip", "resemble.inference", lambda c: c.clips.create_sync("p", "v", "Ship."), {"success": True}
    ),
    RESEMBLE.passes("the list of voices", "", lambda c: c.voices.all(1), {"items": []}),
    FISH.blocks(
        "a cloned voice",
        "fish-audio.model.create",
        lambda c: c.voices.create(title="Ada", voices=[_SOUND]),
    ),
    FISH.passes("speech", "fish-audio.inference", lambda c: c.tts.convert(text="Ship."), _AUDIO),
    FISH.passes(
        "a transcription",
        "fish-audio.inference",
        lambda c: c.asr.transcribe(audio=_SOUND),
        {"text": "Hello.", "duration": 1, "segments": []},
    ),
    FISH.passes(
        "a voice's new title", "fish-audio.model.update", lambda c: c.voices.update("m", title="Ada")
    ),
)
