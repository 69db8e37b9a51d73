"""What a secret looks like: names of parameters, known prefixes, JWTs, places in paths, and plain randomness."""

import re
from functools import lru_cache

_NAME_PARTS = re.compile(
    r"token|secret|passw|passphrase|passcode|signature|credential|apikey|accesskey|privatekey|authkey|sharedkey"
    r"|authorization|bearer|session|cookie|jwt|assertion|saml|csrf|xsrf|otp|sentrykey|subscriptionkey|writekey"
    r"|licensekey|routingkey|integrationkey|webhookkey|signingkey|encryptionkey|sasl|hmac|oauth"
)
_NAMES = frozenset(
    """
    accessid auth code codeverifier jsessionid k key keypairid googleaccessid nonce pass phpsessid pin policy pw
    pwd refresh rkey resourcekey s sas se session sid sig sign st state tk ticket tok uploadid uploadtoken verifier
    zak zpk userinfo invite hash h pat auth0 creds login
    """.split()
) - {"se", "st", "s", "h", "hash", "k", "policy", "login"}
_SEPARATORS = re.compile(r"[^a-z0-9]")

HARMLESS = frozenset(
    {"uploadId", "versionId", "blockid", "blockId", "partNumber", "X-Amz-Date", "key-marker"}
)
"""Parameters whose values look random and open nothing by themselves; S3's ``uploadId`` needs a signature beside it."""

KNOWN = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,1024}+(?:\.[A-Za-z0-9_-]*){1,4}"  # JSON Web Token, signed or encrypted
    r"|(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA)[A-Z2-7]{12,}"  # AWS
    r"|AIza[0-9A-Za-z_-]{30,}|ya29\.[0-9A-Za-z_.-]{16,}|1//0[0-9A-Za-z_-]{16,}|GOCSPX-[0-9A-Za-z_-]{16,}"  # Google
    r"|sk-(?:ant-|proj-|svcacct-|or-v1-|lf-)?[0-9A-Za-z_-]{16,}|sess-[0-9A-Za-z]{16,}"  # OpenAI, Anthropic, OpenRouter
    r"|(?:sk|pk|rk|whsec)_(?:live_|test_)?[0-9A-Za-z]{16,}"  # Stripe, ElevenLabs, Replit
    r"|gh[pousr]_[0-9A-Za-z]{16,}|github_pat_[0-9A-Za-z_]{16,}|glpat-[0-9A-Za-z_-]{16,}|glrt-[0-9A-Za-z_-]{16,}"
    r"|xox[abeprs]-[0-9A-Za-z-]{8,}|xapp-[0-9A-Za-z-]{8,}|xoxe\.[0-9A-Za-z.-]{8,}"  # Slack
    r"|hf_[0-9A-Za-z]{16,}|api_org_[0-9A-Za-z]{16,}|r8_[0-9A-Za-z]{16,}|gsk_[0-9A-Za-z]{16,}|tgp_v1_[0-9A-Za-z_-]{16,}"
    r"|pypi-[0-9A-Za-z_-]{16,}|npm_[0-9A-Za-z]{16,}|dop_v1_[0-9a-f]{16,}|dapi[0-9a-f]{16,}|pplx-[0-9A-Za-z]{16,}"
    r"|SG\.[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}|key-[0-9a-f]{16,}|xkeysib-[0-9a-f]{16,}"  # mail services
    r"|sq0[a-z]{3}-[0-9A-Za-z_-]{16,}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{16,}|EAA[0-9A-Za-z]{24,}|secret_[0-9A-Za-z]{16,}"
    r"|ntn_[0-9A-Za-z]{16,}|lin_api_[0-9A-Za-z]{16,}|figd_[0-9A-Za-z_-]{16,}|pat[0-9A-Za-z]{14}\.[0-9a-f]{16,}"
    r"|(?:AC|SK)[0-9a-f]{32}|[0-9]{8,10}:[0-9A-Za-z_-]{30,}|NRAK-[0-9A-Z]{16,}|sntrys_[0-9A-Za-z_=+/-]{16,}"
    r"|hvs\.[0-9A-Za-z_-]{16,}|AGE-SECRET-KEY-1[0-9A-Z]{16,}|-----BEGIN[A-Z ]*PRIVATE KEY-----"
)
"""Tokens that say by their own prefix what they are. No part may scan the rest of a text from every position."""

_LEAST_RUN = 32
_RUN = re.compile(r"[0-9A-Za-z_+/=.~-]{32,}")
_BETWEEN = re.compile(r"[_+/=.~-]+")
_CHANGE = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[a-z0-9])|(?<=[0-9])(?=[A-Za-z])")
_LEAST_CHANGES = 0.2
"""Changes of case, and between letters and digits, inside words and per character: file names have few (0.1 to
0.18), base64 has 0.6, hex 0.47."""

_PUBLIC = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"  # UUID
    r"|(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128})"  # SHA-1 and SHA-2: Git, LFS, registries
)
"""Identifiers that paths are made of; what they name is not secret, and evidence would be poor without them."""


@lru_cache(maxsize=2048)
def is_secret_name(name: str) -> bool:
    """Whether a parameter of this name holds a secret, in any spelling of the name."""
    folded = _SEPARATORS.sub("", name.lower())
    return folded in _NAMES or _NAME_PARTS.search(folded) is not None


def looks_random(text: str) -> bool:
    """Whether some stretch of at least 32 characters looks like base64, base32 or hex rather than words."""
    if len(text) < _LEAST_RUN:
        return False
    for match in _RUN.finditer(text):
        run = match[0]
        if len(_CHANGE.findall(run)) >= _LEAST_CHANGES * len(_BETWEEN.sub("", run)):
            return True
    return False


def is_secret(text: str) -> bool:
    """Whether a value on its own looks like a token."""
    return len(text) >= LEAST and (KNOWN.search(text) is not None or looks_random(text))


LEAST = 14
"""No known form of token is shorter."""


def has_userinfo(text: str) -> bool:
    """Whether a user and password stand before a host in it (RFC 3986 3.2.1)."""
    if "@" not in text:
        return False
    before = (piece.rpartition("@")[0] for piece in _HOSTS.split(text))
    return any(":" in user.strip(":") for user in before)


_HOSTS = re.compile(r"[\s/?&]")


def is_public(segment: str) -> bool:
    """Whether a segment of a path is an identifier that is no secret, though it looks random."""
    return _PUBLIC.fullmatch(segment) is not None
