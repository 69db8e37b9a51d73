"""The composition root: builds every part from the settings, connects them as plain callables, starts and stops.

The one place where siblings meet. Nothing here decides anything about a transfer.
"""

from subrosa.runtime.configuration import StartError, load_policy, load_settings, policy_inputs
from subrosa.runtime.process import Bound, run_gateway

__all__ = ["Bound", "StartError", "load_policy", "load_settings", "policy_inputs", "run_gateway"]
