"""What every part of the settings is: unknown keys refused, never changed; and who answers for a stated fact."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints


class Strict(BaseModel):
    """Unknown keys are refused, values are never changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Stated(Strict):
    """A fact stated in the settings: who says so, why, and until when (at most three years)."""

    owner: Annotated[str, StringConstraints(min_length=2)]
    why: Annotated[str, StringConstraints(min_length=8)]
    expires: date
