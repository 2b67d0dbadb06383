"""A sandbox that misbehaves: for proving that nothing is lost when the API does."""

from hostile.sandbox import SIGNATURE, HostileSandbox

__all__ = ["SIGNATURE", "HostileSandbox"]
