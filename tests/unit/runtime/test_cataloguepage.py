"""The generated page of the catalogue: true, and complete."""

from property.seeds import shipped
from subrosa.runtime.cataloguepage import page
from unit.test_shape import ROOT


def test_the_page_is_what_the_rules_say() -> None:
    written = (ROOT / "rules" / "CATALOGUE.md").read_text()
    assert written == page(shipped()), "write it anew: make catalogue"


def test_every_operation_stands_in_the_page_with_its_source() -> None:
    lines = page(shipped()).splitlines()
    for provider in shipped().providers.values():
        assert f"### {provider.id}" in lines
        for operation in provider.operations:
            (row,) = [line for line in lines if line.startswith(f"| `{operation.id}` |")]
            assert operation.source.partition(" ")[0].replace("|", "\\|") in row
