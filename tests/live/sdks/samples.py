"""What the rows send: a transcript, a recording, a data set."""

from pathlib import Path

_SAMPLES = Path(__file__).parents[2] / "samples"
TRANSCRIPT = _SAMPLES / "text/GMT20260108-120125_Recording.transcript.vtt"
TEXT = TRANSCRIPT.read_text()
WAV = _SAMPLES / "media/voice.wav"
CHATS = _SAMPLES / "training/openai_chat.jsonl"
CHAT = {"role": "user", "content": f"Summarise:\n{TEXT}"}
