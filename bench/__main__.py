"""Runs the benchmarks, each in a process of its own, prints their tables and writes them to docs/benchmarks.md.

    .venv/bin/python -m bench [--quick] [NAME …]

`--quick` takes a tenth of the items, shows the tables and leaves the page alone: to see that the benchmarks work.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable

from bench import cold_start, cpu, fan_out, growth, sweep, throughput, tracking
from bench.report import Section, machine, put_into_page

# Each takes the share of its full size to run at.
BENCHMARKS: dict[str, Callable[[float], Section]] = {
    "throughput": throughput.measure,
    "cpu": cpu.measure,
    "tracking": tracking.measure,
    "fan-out": fan_out.measure,
    "growth": growth.measure,
    "cold-start": cold_start.measure,
    "sweep": sweep.measure,
}
# The sweep has a command of its own, `make bench-sweep`: it takes as long as all the others.
BY_DEFAULT = [name for name in BENCHMARKS if name != "sweep"]
_QUICK = 0.1


def main() -> int:
    """Runs the benchmarks that are asked for; returns 1 where one failed."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*BENCHMARKS, []], help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="a tenth of the items; the page is left alone")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    scale = _QUICK if arguments.quick else 1.0
    if arguments.alone:
        print(BENCHMARKS[arguments.names[0]](scale).to_markdown())
        return 0
    print(machine())
    failed = [name for name in arguments.names or BY_DEFAULT if not _run(name, is_quick=arguments.quick)]
    if not arguments.quick and not failed:
        put_into_page("machine", machine())
    return 1 if failed else 0


def _run(name: str, *, is_quick: bool) -> bool:
    command = [sys.executable, "-m", "bench", "--alone", name, *(["--quick"] if is_quick else [])]
    print(f"\n{name}\n", flush=True)
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    print(ended.stdout, flush=True)
    if ended.returncode:
        return False
    if not is_quick:
        put_into_page(name, ended.stdout.strip())
    return True


if __name__ == "__main__":
    sys.exit(main())
