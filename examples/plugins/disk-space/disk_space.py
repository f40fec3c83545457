#!/usr/bin/env python3
"""A validator of akc in one file, without dependencies: has a file system room left?

A binding of kind `disk-space`: {"path": "/var", "min_free_bytes": 1073741824} or {"path": "/var", "min_free_percent": 10}.
The protocol is docs/plugin-protocol.md: JSON-RPC 2.0, one message a line; stdout holds nothing else.
"""
import json
import os
import sys

OFFERS = {"validators": {"disk-space": {"binding_kinds": ["disk-space"]}}}


def validate(binding):
    path, minimum, percent = binding.get("path"), binding.get("min_free_bytes"), binding.get("min_free_percent")
    bound = minimum if percent is None else percent
    right = isinstance(bound, (int, float)) and not isinstance(bound, bool) and bound >= 0
    if not isinstance(path, str) or not path.startswith("/") or not right or (minimum is None) == (percent is None):
        return {"verdict": "error", "reason": "malformed"}
    try:
        seen = os.statvfs(path)
    except FileNotFoundError:
        return {"verdict": "inconclusive", "reason": "no-data", "evidence": {"path": path}}
    except PermissionError:
        return {"verdict": "error", "reason": "denied", "evidence": {"path": path}}
    free, total = seen.f_bavail * seen.f_frsize, seen.f_blocks * seen.f_frsize
    if total == 0:
        return {"verdict": "inconclusive", "reason": "no-data", "evidence": {"path": path}}
    share = round(100 * free / total, 2)
    enough = free >= minimum if percent is None else share >= percent
    evidence = {"path": path, "free_bytes": free, "total_bytes": total, "free_percent": share}
    observed = {"enough": enough}
    if enough:
        return {"verdict": "pass", "observed": observed, "evidence": evidence}
    return {"verdict": "fail", "reason": "below-minimum", "observed": observed, "evidence": evidence}


def result_of(method, params):
    if method == "initialize":
        if 1 not in params["protocol"]["majors"]:
            raise ValueError("only protocol 1 is spoken here")
        return {"protocol": 1, "plugin": params["plugin"], "features": [], "offers": OFFERS}
    if method in ("ping", "shutdown"):
        return {}
    if method != "validator/validate":
        raise LookupError(f"there is no {method}")
    if params["validator"] != "disk-space" or params["binding_kind"] != "disk-space":
        raise ValueError("only bindings of kind disk-space are judged here")
    return validate(params["binding"])


def answer(message):
    reply = {"jsonrpc": "2.0", "id": message["id"]}
    try:
        reply["result"] = result_of(message["method"], message.get("params", {}))
    except KeyError as missing:
        reply["error"] = {"code": -32602, "message": f"params: {missing} is missing"}
    except LookupError as unknown:
        reply["error"] = {"code": -32601, "message": str(unknown)}
    except (ValueError, AttributeError, TypeError) as wrong:
        reply["error"] = {"code": -32602, "message": str(wrong)}
    return reply


def say(reply):
    print(json.dumps(reply), flush=True)


for line in sys.stdin:
    try:
        message = json.loads(line)
    except ValueError:
        say({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "the line is not JSON"}})
        continue
    if isinstance(message, dict) and "method" in message and "id" in message:
        say(answer(message))
        if message["method"] == "shutdown":
            break
