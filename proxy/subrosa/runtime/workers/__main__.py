"""How a supervisor starts a worker: a fresh interpreter, with the number of its control socket."""

import signal
import sys

for _number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(_number, signal.SIG_IGN)  # they are for the supervisor, who tells its workers what to do

from subrosa.runtime.workers.worker import main  # noqa: E402 - a signal must not end a worker that is being imported

main(int(sys.argv[1]))
