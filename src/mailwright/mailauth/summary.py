"""The verdicts on one message in JSON types: what the API, the webhooks and `mailwright check` tell of them.

Pure. Each part says in `steps` how it came about, with the records as DNS had them.
Not here: Authentication-Results (authres.py).
"""

from __future__ import annotations

from typing import Any

from mailwright.mailauth import dkim
from mailwright.mailauth.arc import ArcVerdict
from mailwright.mailauth.authenticate import Authentication
from mailwright.mailauth.dmarc import DmarcVerdict
from mailwright.mailauth.spf import SpfVerdict


def summary(authentication: Authentication) -> dict[str, Any]:
    """All verdicts."""
    return {
        "spf": spf_summary(authentication.spf),
        "dkim": [dkim_summary(one) for one in authentication.dkim],
        "dmarc": dmarc_summary(authentication.dmarc),
        "arc": arc_summary(authentication.arc),
    }


def spf_summary(verdict: SpfVerdict) -> dict[str, Any]:
    """What SPF says of the host."""
    return {
        "result": str(verdict.result),
        "domain": verdict.domain,
        "scope": str(verdict.scope),
        "steps": list(verdict.steps),
    }


def dkim_summary(result: dkim.Result) -> dict[str, Any]:
    """What one DKIM signature is worth."""
    return {
        "result": str(result.result),
        "domain": result.domain,
        "selector": result.selector,
        "reason": result.reason,
        "steps": list(result.steps),
    }


def dmarc_summary(verdict: DmarcVerdict) -> dict[str, Any]:
    """What the owner of the author's domain asks for, and whether it has to be done. `domain` is the author's."""
    return {
        "result": str(verdict.result),
        "domain": verdict.domain,
        "policy": verdict.policy and str(verdict.policy),
        "disposition": str(verdict.disposition),
        "steps": list(verdict.steps),
    }


def arc_summary(verdict: ArcVerdict) -> dict[str, Any]:
    """What the chain of handlers is worth."""
    return {"result": str(verdict.result), "steps": list(verdict.steps)}
