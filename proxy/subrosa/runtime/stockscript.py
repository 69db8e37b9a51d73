"""What `mitmweb -s "$(subrosa addon-path)"` runs: the addon over the shipped rules and `SUBROSA_*` settings."""

from subrosa.gateway.stock import StockAddon
from subrosa.runtime.configuration import load_policy, load_settings

addons = [StockAddon(load_policy(load_settings(None, {})))]
