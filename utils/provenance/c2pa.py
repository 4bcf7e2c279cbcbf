"""Content Credentials (C2PA): signed statements inside files, written and read.

A statement is added last, because it covers the content of the finished file: which bytes exactly
is in `utils.provenance.coverage`. It changes no pixel. Formats that C2PA does not cover (Matroska)
get a sidecar file, see `utils.provenance.sidecar`.
"""

import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import c2pa

from utils.errors import InputError, UserError
from utils.files import TEMPORARY
from utils.provenance import certificate
from utils.provenance.certificate import MAKER, Identity
from utils.provenance.coverage import chosen_gaps
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, JPEG_START, SIGNATURE, WHAT, mark_image
from utils.records import DAMAGE

FORMATS = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
}
"""Suffix -> media type of the formats that can be signed."""
STARTS = {SIGNATURE: "image/png", JPEG_START: "image/jpeg"}
SIGNER_CODES = ("signingCredential.", "claimSignature.outsideValidity")
"""What the status codes that concern the signer's certificate begin with."""
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
COPIED = 1 << 20
OFFLINE = {"remote_manifest_fetch": False, "ocsp_fetch": False}


@dataclass(frozen=True)
class Credential:
    """A signed statement found in or beside a file. The texts are the signer's, as they are.

    Attributes
    ----------
    intact : bool
        Whether the signature is valid and the file unchanged.
    signer : str
        The name in the certificate.
    own : bool
        Whether it was signed on this machine; known of a file that was changed since, too.
    source_type : str or None
        The digital source type it states.
    problems : tuple of str
        Why it is not intact, as C2PA status codes or sentences.
    expired : bool
        Whether the certificate is out of its time.
    """

    intact: bool
    signer: str
    own: bool
    source_type: str | None
    problems: tuple[str, ...] = ()
    expired: bool = False


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
        """Sign an MP4 or MOV that has its tags already, and that its writer has not renamed yet.

        The file is changed in place: Windows replaces none that its writer holds open.
        """
        with TemporaryFile(dir=path.parent, prefix=TEMPORARY) as signed:
            with path.open("rb") as source:
                self._sign(FORMATS[path.suffix.lower()], source, signed)
            signed.seek(0)
            with path.open("wb") as target:
                shutil.copyfileobj(signed, target, COPIED)

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
    own = certificate.known()
    settings: dict[str, Any] = {"verify": {"verify_trust": True, **OFFLINE}}
    if own is not None:
        settings["trust"] = {"user_anchors": own.anchor.decode()}
    try:
        name = media_type(path)
        if name is None:
            return None
        with path.open("rb") as file:
            reader = c2pa.Reader.try_create(name, file, context=c2pa.Context.from_dict(settings))
            if reader is None:
                return None
            with reader:
                return _credential(
                    json.loads(reader.json()), json.loads(reader.detailed_json()), path
                )
    except OSError as problem:
        raise InputError(f'cannot read "{path}": {problem.strerror}') from None
    except (c2pa.C2paError, InputError, *DAMAGE) as problem:
        return Credential(False, "unknown", False, None, (f"it cannot be read: {problem}",))


def media_type(path: Path) -> str | None:
    """Return the media type of a file whose format can hold a statement, whatever its name is."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return "video/quicktime" if head[8:] == b"qt  " else "video/mp4"
    return next((name for start, name in STARTS.items() if head.startswith(start)), None)


def _credential(store: Mapping[str, Any], details: Mapping[str, Any], path: Path) -> Credential:
    label = store["active_manifest"]
    manifest = store["manifests"][label]
    results = store.get("validation_results", {}).get("activeManifest", {})
    proved = {item["code"] for item in results.get("success", [])}
    failed = {item["code"] for item in results.get("failure", [])}
    failed |= {item.get("code", "") for item in store.get("validation_status") or ()}
    # whose signature it is says nothing about damage; `own` and `signer` tell that
    of_signer = {code for code in failed if code.startswith(SIGNER_CODES)}
    gaps = chosen_gaps(path, details["manifests"][label]["assertion_store"])
    problems = sorted(failed - of_signer) + [f"its signature leaves out {gap}" for gap in gaps]
    signed = "claimSignature.validated" in proved
    bound = any(code.endswith("Hash.match") for code in proved)
    signature = manifest.get("signature_info", {})
    return Credential(
        intact=signed and bound and not problems,
        signer=str(signature.get("common_name") or signature.get("issuer") or "unnamed"),
        own=signed and "signingCredential.trusted" in proved and not of_signer,
        source_type=_source_type(manifest),
        problems=tuple(problems),
        expired=any(code.endswith((".expired", ".outsideValidity")) for code in of_signer),
    )


def _source_type(manifest: Mapping[str, Any]) -> str | None:
    for assertion in manifest.get("assertions", []):
        if assertion.get("label", "").startswith("c2pa.actions"):
            for action in assertion["data"].get("actions", []):
                if found := action.get("digitalSourceType"):
                    return str(found)
    return None
