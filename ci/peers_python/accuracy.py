# SPDX-License-Identifier: Apache-2.0
"""Measures the errors of PyTorch's cross entropy and prints them in the table that `test_accuracy` prints for clxent.
The inputs come on standard input, from `test_accuracy print`. The unit of an error is the bound that the tests set for
clxent.

PyTorch gets 16-bit logits as f32 (logits.float()), because that is its more accurate way. Autograd rounds their
gradient to 16 bits. PyTorch's loss returns no lse or entropy, so lse comes from torch.logsumexp, and entropy is left
out."""

import math
import sys

import numpy
import torch

# The type in memory, for numpy and PyTorch, its precision in bits and its least normal exponent.
TYPES = {
    "f32": (numpy.float32, torch.float32, 24, -126),
    "f16": (numpy.float16, torch.float16, 11, -14),
    "bf16": (numpy.int16, torch.bfloat16, 8, -126),
    "f64": (numpy.float64, torch.float64, 53, -1022),
}
OUTPUTS = ("loss", "row_loss", "log_prob", "lse", "grad")


def take(dtype, *shape):
    """Returns the next array of standard input."""
    count = math.prod(shape) * numpy.dtype(dtype).itemsize
    data = sys.stdin.buffer.read(count)
    if len(data) != count:
        sys.exit(f"accuracy.py: standard input ends within an array: {len(data)} of {count} bytes")
    return numpy.frombuffer(bytearray(data), dtype).reshape(shape)


def half_unit(value, precision, least_exponent):
    exponent = numpy.frexp(value)[1] - 1  # |value| in [2^exponent, 2^(exponent+1))
    exponent = numpy.where(value == 0, least_exponent, numpy.maximum(exponent, least_exponent))
    return numpy.ldexp(1.0, exponent - precision)


def errors(got, exact, bound):
    off = numpy.abs(got - exact)
    return numpy.where(off == 0, 0.0, off / bound).ravel()


def run(name, rows, classes):
    """Runs PyTorch on the next case and returns its errors by output."""
    numpy_type, torch_type, precision, least_exponent = TYPES[name]
    logits = torch.from_numpy(take(numpy_type, rows, classes)).view(torch_type).requires_grad_()
    targets = torch.from_numpy(take(numpy.int64, rows))
    loss, loss_bound = take(numpy.float64, 2)
    log_prob, log_prob_bound, row_loss_bound, lse, lse_bound = take(numpy.float64, 5, rows)
    grad, grad_bound = take(numpy.float64, rows, classes), take(numpy.float64, rows, 1)

    wide = logits if name == "f64" else logits.float()
    mean = torch.nn.functional.cross_entropy(wide, targets)
    mean.backward()
    row_loss = torch.nn.functional.cross_entropy(wide, targets, reduction="none")
    picked = torch.log_softmax(wide, -1)[torch.arange(rows), targets]
    torch_lse = torch.logsumexp(wide, -1)

    got_grad = logits.grad.double().numpy()
    if precision < 24:
        largest = numpy.maximum(numpy.abs(got_grad), numpy.abs(grad))
        grad_bound = grad_bound + half_unit(largest, precision, least_exponent)

    def double(t):
        return t.detach().double().numpy()

    return {
        "loss": errors(double(mean), loss, loss_bound),
        "row_loss": errors(double(row_loss), -log_prob, row_loss_bound),
        "log_prob": errors(double(picked), log_prob, log_prob_bound),
        "lse": errors(double(torch_lse), lse, lse_bound),
        "grad": errors(got_grad, grad, grad_bound),
    }


def main():
    table, cases = {}, 0
    with numpy.errstate(over="ignore", invalid="ignore"):
        while line := sys.stdin.buffer.readline():
            name, spread, rows, classes = line.decode().rstrip("\n").split("|")
            sums = table.setdefault((name, spread), {output: [0.0, 0.0, 0] for output in OUTPUTS})
            for output, error in run(name, int(rows), int(classes)).items():
                sums[output][0] = max(sums[output][0], math.inf if numpy.isnan(error).any() else float(error.max()))
                sums[output][1] += float(error.sum())
                sums[output][2] += error.size
            cases += 1
    if not cases:
        sys.exit("accuracy.py: no case on standard input")

    print(f"PyTorch {torch.__version__}: the largest and the mean error, as parts of clxent's bound (of 16-bit "
          "gradients: of the bound and half a unit)")
    last, values, outside = None, 0, 0
    for (name, spread), sums in table.items():
        if name != last:
            print(f"\n{name:24} {'values':>9}" + "".join(f"  {output:>18}" for output in OUTPUTS))
        last = name
        count = sum(n for _, _, n in sums.values())
        values += count
        outside += sum(largest > 1 for largest, _, _ in sums.values())
        print(f"{spread:24} {count:9}" + "".join(f"  {m:10.3f} {s / n:7.4f}" for m, s, n in sums.values()))
    print(f"\nPyTorch {torch.__version__}: {cases} cases, {values} values; {outside} of the largest errors above are "
          "beyond the bound")


main()
