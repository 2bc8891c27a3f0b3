# SPDX-License-Identifier: Apache-2.0
"""What is compared: a contestant and its operations, each a call that computes and waits for the result.

The operations are FORWARD: the mean loss; GRADIENT: and its gradient in memory of its own; IN_PLACE: and the
gradient where the logits were."""

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Optional

FORWARD = "forward"
GRADIENT = "forward + gradient"
IN_PLACE = "forward + gradient, in place"
OPERATIONS = (FORWARD, GRADIENT, IN_PLACE)


@dataclass
class Operation:
    call: Callable[[], Any]
    # (loss, gradient as f32 (N,C) or None) of what call() returned.
    read: Callable[[Any], tuple]
    # Puts the logits back that the call before has overwritten; never timed.
    restore: Optional[Callable[[], None]] = None


@dataclass
class Contestant:
    name: str
    operations: Dict[str, Operation] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Problem:
    """Logits (N,C), f32 or, for bf16, their bits as int16; targets (N) int64. Aligned to 4096 bytes."""

    dtype: str
    logits: Any
    targets: Any

    @property
    def shape(self):
        return self.logits.shape
