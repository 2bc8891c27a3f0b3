# SPDX-License-Identifier: Apache-2.0
"""The comparison behind ci/peers: makes the problems, checks that the results agree, times the contestants in turn and
prints a table.

ours.py calls clxent, and theirs.py calls the others."""

import argparse
import ctypes
import datetime
import functools
import gc
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time

SHAPES = {
    "cpu": ["4096x32000", "2048x50257", "1024x128256", "65536x1000", "1048576x10", "8x50257"],
    "cuda": ["16384x32000", "10240x50257", "4096x128256", "524288x1000", "8x50257"],
}
NOTES = """\
Times are milliseconds a call, medians of {pairs} turns. The contestants take turns (A B C A B C ...) in one process,
and an untimed call precedes each sample. Losses and gradients were compared first, and they agree. A number in brackets
says how many times longer the peer takes than clxent; it is the median over the turns. clxent's call is
clxent_enqueue() on device buffers, and then clFinish(). Peers allocate the gradient on each call, while clxent writes
to memory that it gets. If a peer has no in-place form, its forward + gradient stands in that line. A problem that fits
the caches stays in them."""

# The largest difference of two results: of the loss, relative to max(1, |loss|), and of a probability, relative to
# itself. A gradient is p/N, but (p - 1)/N at the target, where p may be near 1. In bf16 the peers also keep
# log-probabilities as bf16. A log-probability of magnitude 16 to 32 is off by up to 2^-4, so its probability is off by
# a factor of up to exp(2^-4). The peers round a probability to 2^-9 several times before it becomes a gradient, and
# they add up the losses in bf16.
BOUNDS = {
    "f32": {"loss": 1e-5, "probability": 1e-5},
    "bf16": {"loss": 2.0**-5, "probability": 2.0**-4 + 2.0**-5},
}
SMALLEST_SAMPLE = 0.02  # seconds; a sample of shorter calls has several of them


class Failure(Exception):
    """A message for the user about a wrong request, the machine, or two results that differ."""


def shape_of(text):
    try:
        rows, classes = (int(part) for part in text.split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: not ROWSxCLASSES, as 4096x32000") from None
    if rows < 1 or classes < 1:
        raise argparse.ArgumentTypeError(f"{text}: rows and classes are 1 or more")
    return rows, classes


def count_of(text):
    value = int(text) if text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: a number of 1 or more")
    return value


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="ci/peers", description="clxent and other cross-entropy losses on this machine, timed in turn.")
    parser.add_argument("--shape", action="append", type=shape_of, metavar="ROWSxCLASSES",
                        help="may be repeated (default on CPUs: " + " ".join(SHAPES["cpu"]) +
                        "; on GPUs: " + " ".join(SHAPES["cuda"]) + ")")
    parser.add_argument("--dtype", action="append", choices=list(BOUNDS), help="may be repeated (default: both)")
    parser.add_argument("--peer", action="append", choices=["eager", "compile", "jax", "liger", "quack"],
                        help="may be repeated (default: all that are there)")
    parser.add_argument("--pairs", type=count_of, default=9, metavar="N", help="turns (default 9)")
    parser.add_argument("--keep-memory", action="store_true",
                        help="malloc keeps freed memory. By default glibc returns large arrays to the system at once, "
                        "and on a CPU the page faults of new arrays are a large part of a peer's time")
    parser.add_argument("--json", metavar="FILE", help="also write every figure to FILE")
    parser.add_argument("--library", metavar="FILE", default="build/host/src/libclxent.so",
                        help="clxent's shared library (default: %(default)s)")
    return parser.parse_args(arguments)


def say(text):
    print(f"ci/peers: {text}", file=sys.stderr, flush=True)


@functools.lru_cache(maxsize=None)
def say_once(text):
    say(text)


def first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def aligned_copy(array):
    """Copies the array to the start of a page, like a device's memory: no vector load crosses a cache line."""
    import numpy as np

    raw = np.empty(array.nbytes + 4096, np.uint8)
    start = -raw.ctypes.data % 4096
    result = raw[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    np.copyto(result, array)
    return result


def make_problem(rows, classes, dtype):
    import numpy as np
    import torch

    from contestant import Problem

    random = np.random.default_rng(rows * 1000003 + classes)
    logits = random.standard_normal((rows, classes), np.float32)
    logits *= 2
    if dtype == "bf16":
        logits = torch.from_numpy(logits).bfloat16().view(torch.int16).numpy()
    return Problem(dtype, aligned_copy(logits), aligned_copy(random.integers(0, classes, rows)))


def check(name, operation, problem, ours, theirs):
    """Raises Failure if two (loss, gradient) differ by more than BOUNDS allows."""
    import numpy as np

    bounds, rows = BOUNDS[problem.dtype], problem.shape[0]
    what = f"{rows}x{problem.shape[1]} {problem.dtype}, {operation}"
    limit = bounds["loss"] * max(1, abs(ours[0]))
    if not abs(ours[0] - theirs[0]) <= limit:
        raise Failure(f"{what}: the loss is {ours[0]:.9g} by clxent, {theirs[0]:.9g} by {name}; they may differ by "
                      f"{limit:.3g}")
    if ours[1] is None:
        return
    step = max(1, (1 << 22) // problem.shape[1])  # rows at a time; this keeps the temporaries small
    for first in range(0, rows, step):
        a, b = ours[1][first : first + step], theirs[1][first : first + step]
        limits = bounds["probability"] * np.abs(a)
        limits[np.arange(len(a)), problem.targets[first : first + step]] += bounds["probability"] / rows
        bad = np.argwhere(~(np.abs(a - b) <= limits))
        if len(bad):
            row, column = bad[0]
            raise Failure(f"{what}: the gradient at row {first + row}, class {column} is {a[row, column]:.9g} by "
                          f"clxent, {b[row, column]:.9g} by {name}; they may differ by {limits[row, column]:.3g}")


def enlist(problem, clxent, peers, device):
    """Returns clxent, and then the peers that can do this problem. It has checked that each agrees with clxent."""
    from contestant import FORWARD, GRADIENT, IN_PLACE
    from theirs import PEERS

    ours = clxent.contestant(problem)
    try:
        def result_of(operation):
            if operation.restore:
                operation.restore()
            return operation.read(operation.call())

        expected = {name: result_of(ours.operations[name]) for name in (FORWARD, GRADIENT)}
        check("its in-place form", IN_PLACE, problem, expected[GRADIENT], result_of(ours.operations[IN_PLACE]))
        contestants = [ours]
        for key in peers:
            try:
                peer = PEERS[key](problem, device)
                results = {name: result_of(operation) for name, operation in peer.operations.items()}
            except Exception as e:  # a package may raise anything; the comparison goes on with the others
                say_once(f"{key} is left out: {type(e).__name__}: {first_line(e)}")
                continue
            for name, result in results.items():
                check(peer.name, name, problem, expected[FORWARD if name == FORWARD else GRADIENT], result)
            contestants.append(peer)
            del results
        return contestants
    except Exception:
        ours.close()
        raise


def sample(operation, repeats):
    """Returns seconds a call. An untimed call comes first: it finds the caches and threads as the last contestant left
    them."""
    operation.call()
    if operation.restore:
        operation.restore()
    start = time.perf_counter()
    for _ in range(repeats):
        result = operation.call()
    seconds = time.perf_counter() - start
    del result  # this frees the memory of the last result, untimed
    return seconds / repeats


def measure(contestants, pairs):
    """Returns {operation: {name: [seconds of each turn]}}."""
    from contestant import OPERATIONS

    turns = [(name, c.name, c.operations[name]) for name in OPERATIONS for c in contestants if name in c.operations]
    repeats = {}
    for name, who, operation in turns:
        repeats[name, who] = min(100, max(1, math.ceil(SMALLEST_SAMPLE / sample(operation, 1))))
    seconds = {name: {} for name in OPERATIONS}
    gc.collect()
    gc.disable()
    try:
        for _ in range(pairs):
            for name, who, operation in turns:
                seconds[name].setdefault(who, []).append(sample(operation, repeats[name, who]))
    finally:
        gc.enable()
    return seconds


def results_of(problem, seconds, contestants, pairs):
    from contestant import GRADIENT, IN_PLACE, OPERATIONS

    for operation in OPERATIONS:
        ours = seconds[operation]["clxent"]
        result = {"op": operation, "rows": problem.shape[0], "classes": problem.shape[1], "dtype": problem.dtype,
                  "pairs": pairs, "seconds": {"clxent": statistics.median(ours)}, "ratio": {}}
        for peer in contestants[1:]:
            theirs = seconds[operation].get(peer.name)
            if theirs is None and operation == IN_PLACE:
                theirs = seconds[GRADIENT].get(peer.name)
            if theirs is not None:
                result["seconds"][peer.name] = statistics.median(theirs)
                result["ratio"][peer.name] = statistics.median(b / a for a, b in zip(ours, theirs))
        yield result


def number(value):
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def table(results):
    """Returns the results as Markdown."""
    names = list(dict.fromkeys(name for r in results for name in r["ratio"]))
    lines = ["| shape | dtype | | clxent | " + " | ".join(names) + " |", "|---|---|---|---" + "|---" * len(names) + "|"]
    for r in results:
        cells = [f"{r['rows']}x{r['classes']}", r["dtype"], r["op"], number(1e3 * r["seconds"]["clxent"])]
        cells += [f"{number(1e3 * r['seconds'][name])} ({number(r['ratio'][name])})" if name in r["ratio"] else "-"
                  for name in names]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def keep_memory():
    """Makes malloc keep freed memory in this process. Only the peers gain: timed calls of clxent allocate nothing."""
    M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or not (mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1)):
        raise Failure("--keep-memory needs glibc's mallopt")


def command_output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def cpu_model():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            models = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
        return models[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def machine(clxent, device, options):
    import torch

    facts = {
        "date": datetime.date.today().isoformat(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "device": clxent.device,
        "clxent": " ".join((clxent.version, command_output("git", "describe", "--always", "--dirty"))).strip(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torch_threads": torch.get_num_threads(),
        "malloc": "keeps memory" if options.keep_memory else "default",
    }
    if device == "cuda":
        facts["gpu"] = torch.cuda.get_device_name()
    for module in ("jax", "optax", "triton", "liger_kernel", "quack"):
        version = module_version(module)
        if version:
            facts[module] = version
    return facts


def module_version(module):
    from importlib import metadata

    try:
        return metadata.version({"liger_kernel": "liger-kernel", "quack": "quack-kernels"}.get(module, module))
    except metadata.PackageNotFoundError:
        return None


def free_bytes(device):
    if device == "cuda":
        import torch

        return torch.cuda.mem_get_info()[0]
    try:
        with open("/proc/meminfo", encoding="utf-8") as f:
            return next(int(line.split()[1]) << 10 for line in f if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def refusal(clxent, device, rows, classes, dtype):
    """Returns why this problem does not fit, or None. It needs memory for 8 arrays: the problem, clxent's two, and the
    most that a peer needs."""
    logits = rows * classes * (4 if dtype == "f32" else 2)
    if logits > clxent.info.largest_buffer_bytes:
        return f"{logits} bytes of logits; the device's largest buffer has {clxent.info.largest_buffer_bytes}"
    if 8 * logits > free_bytes(device):
        return f"eight arrays of {logits} bytes are needed; {free_bytes(device)} bytes are free"
    return None


def compare(options, clxent, device):
    from theirs import PEERS_ON

    peers = options.peer or PEERS_ON[device]
    results = []
    for rows, classes in options.shape or [shape_of(s) for s in SHAPES[device]]:
        for dtype in options.dtype or list(BOUNDS):
            why = refusal(clxent, device, rows, classes, dtype)
            if why:
                say(f"{rows}x{classes} {dtype} is left out: {why}")
                continue
            say(f"{rows}x{classes} {dtype} ...")
            problem = make_problem(rows, classes, dtype)
            contestants = enlist(problem, clxent, peers, device)
            try:
                results += results_of(problem, measure(contestants, options.pairs), contestants, options.pairs)
            finally:
                for contestant in contestants:
                    contestant.close()
            del problem, contestants
            gc.collect()
    return results


def run(options):
    import torch

    from ours import Clxent

    if options.keep_memory:
        keep_memory()
    clxent = Clxent(options.library)
    try:
        device = "cuda" if clxent.is_gpu else "cpu"
        if clxent.is_gpu and not torch.cuda.is_available():
            raise Failure(f"clxent's device is a GPU ({clxent.device}) that PyTorch {torch.__version__} cannot use; "
                          "CLXENT_DEVICE=cpu compares on the CPU")
        torch.set_num_threads(os.cpu_count())
        facts = machine(clxent, device, options)
        results = compare(options, clxent, device)
    finally:
        clxent.close()
    if not results:
        raise Failure("nothing was compared")
    return facts, results


def main():
    options = parse(sys.argv[1:])
    # Without this, JAX looks for accelerators when it is imported, and complains if there is none.
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    from ours import ClxentError

    try:
        # It opens the file first, so that a bad name fails now and not after an hour.
        with open(options.json or os.devnull, "w", encoding="utf-8") as f:
            facts, results = run(options)
            json.dump({"machine": facts, "results": results}, f, indent=1)
            f.write("\n")
    except (Failure, ClxentError, OSError) as e:
        say(e)
        return 1
    print(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts.items()))
    print(f"\n{table(results)}\n\n{NOTES.format(pairs=options.pairs)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
