"""Write every board, and the table of metrics: `python -m boards` in the folder `grafana` (`make dashboards`)."""

from pathlib import Path

from boards.document import with_metrics
from boards.kit import rendered
from boards.operations import OPERATIONS
from boards.panels import Board
from boards.pledge import PLEDGE

FOLDER = Path(__file__).parents[1]
README = FOLDER / "README.md"
BOARDS: tuple[Board, ...] = (PLEDGE, OPERATIONS)


def file_of(board: Board) -> Path:
    """Where a board stands."""
    return FOLDER / "dashboards" / f"{board.uid.removeprefix('subrosa-')}.json"


def main() -> None:
    """Write all."""
    for board in BOARDS:
        file_of(board).write_text(rendered(board), encoding="utf-8")
    README.write_text(with_metrics(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
