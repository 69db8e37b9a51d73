"""A refused transfer, and all that the words for it depend on."""

from dataclasses import dataclass

from subrosa.facts.head import RawHead
from subrosa.facts.records import RequestHead
from subrosa.gateway.refusal import Answer, Told
from subrosa.gateway.seam import Parts
from subrosa.gateway.shapes import ProxyError, choose_shape
from subrosa.policy.policy import Policy
from subrosa.policy.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What is known of a transfer when it is refused, however little that is."""

    verdict: Verdict
    id: str
    head: RequestHead | None
    raw: RawHead | None
    fault: ProxyError | None
    policy: Policy | None

    def told(self, parts: Parts) -> Answer:
        """The refusal in the words that this client prints."""
        request = Told(method=self._method(), content_type=self._field("content-type"), fault=self.fault)
        shape = choose_shape(
            self._provider_shape(),
            request.content_type,
            self._field("accept"),
            self.head.authority.host.name if self.head is not None else "",
            aws_signed=self._field("authorization").startswith("AWS4-"),
        )
        return parts.answer(self.verdict, self.id, shape, request=request)

    def _method(self) -> str:
        if self.head is not None:
            return self.head.method
        return self.raw.method.decode("latin-1") if self.raw is not None else "GET"

    def _field(self, name: str) -> str:
        return next(iter(self.head.fields.get_all(name)), "") if self.head is not None else ""

    def _provider_shape(self) -> str:
        if self.policy is None or not self.verdict.provider:
            return ""
        provider = self.policy.providers.get(self.verdict.provider)
        return provider.shape if provider is not None else ""
