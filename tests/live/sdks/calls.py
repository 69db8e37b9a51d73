"""All rows."""

from live.sdks import aws, clouds, hubs, llm, voice

CALLS = (*aws.CALLS, *llm.CALLS, *voice.CALLS, *clouds.CALLS, *hubs.CALLS)
