"""Signed statements beside files whose format cannot hold one."""

import base64
import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from utils.errors import InputError
from utils.files import write_json
from utils.provenance import certificate
from utils.provenance.c2pa import FORMATS, Credential, Marker, media_type
from utils.provenance.certificate import Identity
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, WHAT
from utils.records import DAMAGE, read_record

MALFORMED = (InputError, UnsupportedAlgorithm, *DAMAGE)


def sidecar_of(path: Path) -> Path:
    """Return the path of a file's statement: `result.mkv.provenance.json`."""
    return path.with_name(path.name + ".provenance.json")


def write_sidecar(path: Path, place: Path | None = None, identity: Identity | None = None) -> None:
    """Write and sign the statement about a file, to `place` if the file will be renamed."""
    identity = identity or certificate.identity()
    facts = {
        "statement": WHAT,
        "digitalSourceType": DIGITAL_SOURCE_TYPE,
        "sha256": _digest(path),
        "bytes": path.stat().st_size,
        "signed": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "certificates": identity.chain.decode(),
    }
    key = serialization.load_pem_private_key(identity.key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = key.sign(_signed(facts), ec.ECDSA(hashes.SHA256()))
    record = facts | {"signature": base64.b64encode(signature).decode()}
    write_json(place or sidecar_of(path), record)


def sign_video(video: Path, path: Path, marker: Marker | None) -> list[str]:
    """Sign a complete video that will be renamed to `path`; return notes.

    Without a marker it is not signed. A statement about an earlier file at `path` is removed.
    """
    sidecar_of(path).unlink(missing_ok=True)
    if marker is None:
        return []
    if path.suffix.lower() in FORMATS:
        marker.sign_video(video)
        return []
    write_sidecar(video, sidecar_of(path))
    return [f'its signature is in "{sidecar_of(path).name}"; keep them together']


def read_sidecar(path: Path) -> Credential | None:
    """Return the verified statement beside a file; None if there is none.

    A file whose format holds its statement inside has none beside it, whatever lies there.
    """
    place = sidecar_of(path)
    if not place.is_file() or media_type(path) is not None:
        return None
    try:
        record = read_record(place, "signed statement", None)
        certificates = x509.load_pem_x509_certificates(record["certificates"].encode())
        signature = base64.b64decode(record.pop("signature"), validate=True)
        good = _is_signed(record, signature, certificates)
        leaf, issuer, *_ = certificates
        name = leaf.subject.rfc4514_string()
        now = datetime.datetime.now(datetime.UTC)
        expired = not all(
            each.not_valid_before_utc <= now <= each.not_valid_after_utc for each in (leaf, issuer)
        )
    except MALFORMED:
        return Credential(False, "unknown", False, None, (f'"{place.name}" is damaged',))
    problems = []
    if not good:
        problems.append("the signature does not match the statement")
    if _digest(path) != record.get("sha256"):
        problems.append("the file was changed after it was signed")
    own = certificate.known()
    stated = record.get("digitalSourceType")
    return Credential(
        intact=not problems,
        signer=name,
        own=good and own is not None and own.certificate == leaf and not expired,
        source_type=None if stated is None else str(stated),
        problems=tuple(problems),
        expired=expired,
    )


def _is_signed(facts: dict[str, Any], signature: bytes, chain: list[x509.Certificate]) -> bool:
    key = chain[0].public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        key.verify(signature, _signed(facts), ec.ECDSA(hashes.SHA256()))
        chain[0].verify_directly_issued_by(chain[1])
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed(facts: dict[str, Any]) -> bytes:
    """Return the bytes to sign, independent of the layout of the JSON."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
