# SPDX-License-Identifier: Apache-2.0
"""A contestant of the comparison, and its operations. An operation is a call that computes and waits for the result.

FORWARD computes the mean loss. GRADIENT also computes the gradient, in its own memory. IN_PLACE also computes the
gradient, but overwrites the logits with it."""

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Optional

FORWARD = "forward"
GRADIENT = "forward + gradient"
IN_PLACE = "forward + gradient, in place"
OPERATIONS = (FORWARD, GRADIENT, IN_PLACE)


@dataclass
class Operation:
    call: Callable[[], Any]
    # Takes the value that call() returned, and returns (loss, gradient). The gradient is f32 (N,C) or None.
    read: Callable[[Any], tuple]
    # Restores the logits that the last call has overwritten. It is never timed.
    restore: Optional[Callable[[], None]] = None


@dataclass
class Contestant:
    name: str
    operations: Dict[str, Operation] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Problem:
    """Logits (N,C) are f32, or the bits of bf16 as int16. Targets (N) are int64. Both are aligned to 4096 bytes."""

    dtype: str
    logits: Any
    targets: Any

    @property
    def shape(self):
        return self.logits.shape
