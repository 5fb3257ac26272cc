"""Average the regressor's weights from several runs that began with each other's weights.

python scripts/mean_weights.py MEAN.safetensors RUN1/weights.safetensors=0.5 RUN2/weights.safetensors=0.5
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lsmplify_refine.errors import InputError
from lsmplify_refine.regressor.weights import load_weights, save_weights, weights_record


def _file_and_share(text: str) -> tuple[Path, float]:
    path, _, share = text.rpartition("=")
    return Path(path), float(share)


def main() -> None:
    """Write the mean; its header lists the parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("weights", nargs="+", type=_file_and_share, metavar="FILE=SHARE")
    args = parser.parse_args()
    try:
        networks = [load_weights(path) for path, _ in args.weights]
    except InputError as error:
        parser.error(str(error))
    total = sum(share for _, share in args.weights)
    shares = [share / total for _, share in args.weights]
    states = [network.state_dict() for network in networks]
    mean = {name: sum(share * state[name] for share, state in zip(shares, states)) for name in states[0]}
    networks[0].load_state_dict(mean)
    parts = [{"share": share, **weights_record(path)} for share, (path, _) in zip(shares, args.weights)]
    record = {"mean_of": parts}
    beginning = parts[0].get("began_with")
    if beginning is not None and all(part.get("began_with") == beginning for part in parts):
        # written once: it may be a mean of means
        record["began_with"] = beginning
        for part in parts:
            del part["began_with"]
    save_weights(networks[0], args.output, record)


if __name__ == "__main__":
    main()
