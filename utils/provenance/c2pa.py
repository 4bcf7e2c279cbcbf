"""Content Credentials (C2PA): signed statements inside files, written and read.

A statement covers every byte of the file, so it is added last. It changes no pixel. Formats that
C2PA does not cover (Matroska) get a sidecar file, see `utils.provenance.sidecar`.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import c2pa

from utils.errors import InputError, UserError
from utils.files import write_atomic
from utils.provenance import certificate
from utils.provenance.certificate import MAKER, Identity
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, WHAT, mark_image

FORMATS = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
}
"""Suffix -> media type of the formats that can be signed."""
ACTION = {
    "action": "c2pa.created",
    "digitalSourceType": DIGITAL_SOURCE_TYPE,
    "description": WHAT,
    "softwareAgent": {"name": MAKER},
}
STATEMENT = {
    "claim_generator_info": [{"name": MAKER}],
    "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [ACTION]}}],
}
OFFLINE = {"remote_manifest_fetch": False, "ocsp_fetch": False}


@dataclass(frozen=True)
class Credential:
    """A signed statement found in or beside a file.

    Attributes
    ----------
    intact : bool
        Whether the signature is valid and the file unchanged.
    signer : str
        The name in the certificate.
    own : bool
        Whether it was signed on this machine.
    source_type : str or None
        The digital source type it states.
    problems : tuple of str
        What is wrong with it, as C2PA status codes or sentences.
    """

    intact: bool
    signer: str
    own: bool
    source_type: str | None
    problems: tuple[str, ...] = ()


class Marker:
    """Marks results as synthetic: XMP or tags, and a signature. Thread-safe.

    Raises
    ------
    UserError
        If this machine's key cannot be created or used.
    """

    def __init__(self, identity: Identity | None = None) -> None:
        self._identity = identity or certificate.identity()
        self._context = c2pa.Context.from_dict({
            "verify": {"verify_trust": False, "verify_after_sign": False, **OFFLINE},
            "builder": {"thumbnail": {"enabled": False}},
        })

    def sign_image(self, data: bytes) -> bytes:
        """Return a PNG or JPEG with mark and signature, its pixels unchanged."""
        marked = mark_image(data)
        name = "image/png" if marked.startswith(b"\x89PNG") else "image/jpeg"
        signed = io.BytesIO()
        self._sign(name, io.BytesIO(marked), signed)
        return signed.getvalue()

    def sign_video(self, path: Path) -> None:
        """Sign an MP4 or MOV that has its tags already."""
        with (
            write_atomic(path) as temporary,
            path.open("rb") as source,
            temporary.open("w+b") as target,
        ):
            self._sign(FORMATS[path.suffix.lower()], source, target)

    def _sign(self, name: str, source: BinaryIO, target: BinaryIO) -> None:
        info = c2pa.C2paSignerInfo(
            alg=c2pa.C2paSigningAlg.ES256,
            sign_cert=self._identity.chain,
            private_key=self._identity.key,
            ta_url=None,  # no timestamp server: works offline, and contacts no one
        )
        try:
            with (
                c2pa.Signer.from_info(info) as signer,
                c2pa.Builder(json.dumps(STATEMENT), self._context) as builder,
            ):
                builder.sign(signer, name, source, target)
        except c2pa.C2paError as problem:
            raise UserError(f"the result cannot be signed: {problem}") from None


def read_credential(path: Path) -> Credential | None:
    """Return the signed statement in a file, or None if there is none.

    Never accesses the network.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    name = FORMATS.get(path.suffix.lower())
    if name is None:
        return None
    own = certificate.known()
    settings: dict[str, Any] = {"verify": {"verify_trust": True, **OFFLINE}}
    if own is not None:
        settings["trust"] = {"user_anchors": own.anchor.decode()}
    try:
        with path.open("rb") as file:
            reader = c2pa.Reader.try_create(name, file, context=c2pa.Context.from_dict(settings))
            if reader is None:
                return None
            with reader:
                return _credential(json.loads(reader.json()))
    except OSError as problem:
        raise InputError(f'cannot read "{path}": {problem.strerror}') from None
    except (c2pa.C2paError, KeyError, TypeError, ValueError) as problem:
        return Credential(False, "unknown", False, None, (f"it cannot be read: {problem}",))


def _credential(store: Mapping[str, Any]) -> Credential:
    manifest = store["manifests"].get(store.get("active_manifest"), {})
    results = store.get("validation_results", {}).get("activeManifest", {})
    failed = [item["code"] for item in results.get("failure", [])]
    failed += [item.get("code", "") for item in store.get("validation_status", [])]
    # an unknown signer is no damage; `own` and `signer` tell
    problems = {
        code for code in failed if code and not code.startswith("signingCredential.untrust")
    }
    signature = manifest.get("signature_info", {})
    return Credential(
        intact=store.get("validation_state") in ("Valid", "Trusted") and not problems,
        signer=signature.get("common_name") or signature.get("issuer") or "unnamed",
        own=store.get("validation_state") == "Trusted",
        source_type=_source_type(manifest),
        problems=tuple(sorted(problems)),
    )


def _source_type(manifest: Mapping[str, Any]) -> str | None:
    for assertion in manifest.get("assertions", []):
        if assertion.get("label", "").startswith("c2pa.actions"):
            for action in assertion["data"].get("actions", []):
                if found := action.get("digitalSourceType"):
                    return str(found)
    return None
