# SPDX-License-Identifier: Apache-2.0
"""The peers: the cross-entropy losses of PyTorch, JAX, Liger and QuACK, called as their documents call them.

Each function makes one contestant for one problem. It raises if its package or compiler is missing."""

import torch
import torch.nn.functional as F

from contestant import FORWARD, GRADIENT, IN_PLACE, Contestant, Operation


def _tensors(problem, device):
    logits = torch.from_numpy(problem.logits)
    if problem.dtype == "bf16":
        logits = logits.view(torch.bfloat16)
    # On the CPU the tensors are the problem's own memory.
    return logits.to(device).requires_grad_(), torch.from_numpy(problem.targets).to(device)


def _torch_operation(loss_of, logits, targets, with_gradient, restore=None):
    synchronize = torch.cuda.synchronize if logits.is_cuda else (lambda: None)
    plain = logits.detach()  # the same memory; if logits require a gradient, Liger computes it even under no_grad

    def forward():
        with torch.no_grad():
            loss = loss_of(plain, targets)
        synchronize()
        return loss, None

    def gradient():
        loss = loss_of(logits, targets)
        (grad,) = torch.autograd.grad(loss, logits)
        synchronize()
        return loss.detach(), grad

    def read(result):
        loss, grad = result
        return float(loss), None if grad is None else grad.float().cpu().numpy()

    return Operation(gradient if with_gradient else forward, read, restore)


def _torch_contestant(name, loss_of, problem, device):
    logits, targets = _tensors(problem, device)
    return Contestant(name, {op: _torch_operation(loss_of, logits, targets, op == GRADIENT)
                             for op in (FORWARD, GRADIENT)})


def eager(problem, device):
    return _torch_contestant("PyTorch eager", F.cross_entropy, problem, device)


def compiled(problem, device):
    if not hasattr(torch, "compile"):
        raise RuntimeError(f"PyTorch {torch.__version__} has none")
    torch._dynamo.reset()  # else each shape counts as a recompilation, and PyTorch limits those

    def loss_of(logits, targets):
        return F.cross_entropy(logits, targets)

    return _torch_contestant("torch.compile", torch.compile(loss_of, dynamic=False), problem, device)


def jax_jit(problem, device):
    if device != "cpu":
        raise RuntimeError("compared on the CPU only")
    import jax
    import ml_dtypes
    import numpy as np
    import optax

    cpu = jax.devices("cpu")[0]
    numbers = problem.logits if problem.dtype == "f32" else problem.logits.view(ml_dtypes.bfloat16)
    logits = jax.device_put(numbers, cpu)
    targets = jax.device_put(problem.targets.astype(np.int32), cpu)  # JAX's own integers

    def loss_of(logits, targets):
        return optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean()

    forward, gradient = jax.jit(loss_of), jax.jit(jax.value_and_grad(loss_of))
    return Contestant("JAX", {
        FORWARD: Operation(lambda: jax.block_until_ready((forward(logits, targets), None)),
                           lambda result: (float(result[0]), None)),
        GRADIENT: Operation(lambda: jax.block_until_ready(gradient(logits, targets)),
                            lambda result: (float(result[0]), np.asarray(result[1]).astype(np.float32))),
    })


def _gpu_contestant(name, forward, gradient, in_place, problem, device):
    """Makes a contestant whose gradient can overwrite the logits. If `gradient` is None, it always does."""
    if device == "cpu":
        raise RuntimeError("has no CPU form")
    logits, targets = _tensors(problem, device)
    saved = logits.detach().clone()

    def restore():
        logits.data.copy_(saved)
        torch.cuda.synchronize()

    operations = {FORWARD: _torch_operation(forward, logits, targets, False, restore)}
    if gradient is not None:
        operations[GRADIENT] = _torch_operation(gradient, logits, targets, True, restore)
    operations[IN_PLACE] = _torch_operation(in_place, logits, targets, True, restore)
    return Contestant(name, operations)


def liger(problem, device):
    from liger_kernel.transformers.functional import liger_cross_entropy

    return _gpu_contestant("Liger", liger_cross_entropy, None, liger_cross_entropy, problem, device)


def quack(problem, device):
    from quack.cross_entropy import cross_entropy

    def in_place(logits, targets):
        return cross_entropy(logits, targets, inplace_backward=True)

    return _gpu_contestant("QuACK", cross_entropy, cross_entropy, in_place, problem, device)


PEERS = {"eager": eager, "compile": compiled, "jax": jax_jit, "liger": liger, "quack": quack}
PEERS_ON = {"cpu": ("eager", "compile", "jax"), "cuda": ("eager", "compile", "liger", "quack")}
