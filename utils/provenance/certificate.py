"""The certificate for signing results: created once on each machine.

It is self-made, so it proves only that files were signed on the same machine and not changed since;
no authority vouches for the signer. It names no person and no machine.
"""

import datetime
import os
import sys
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from filelock import FileLock

from utils.errors import UserError
from utils.files import sync

VARIABLE = "FACESWAP_CONFIG_DIR"
FOLDER, FILE = "faceswap-toolkit", "signing.pem"
MAKER = "Face-swap toolkit"
YEARS = 10
END = b"-----END CERTIFICATE-----\n"


class Identity(NamedTuple):
    """A key and its certificates.

    Attributes
    ----------
    key : bytes
        Private key, PKCS #8 in PEM.
    chain : bytes
        The certificate and its issuer's, in PEM.
    """

    key: bytes
    chain: bytes

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key."""
        return x509.load_pem_x509_certificates(self.chain)[0]

    @property
    def anchor(self) -> bytes:
        """The issuer's certificate, PEM: the trust anchor of files signed on this machine."""
        return self.chain.partition(END)[2]


def config_dir() -> Path:
    """Return this program's folder in the user's configuration."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / FOLDER


def identity() -> Identity:
    """Return this machine's identity; the first call creates it.

    Raises
    ------
    UserError
        If it cannot be created or read, is damaged, or has expired.
    """
    path = config_dir() / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(path.with_suffix(".lock"), timeout=30):
            if not path.exists():
                _write_private(path, _make())
            path.chmod(0o600)  # who can read the key can sign in this machine's name
            content = path.read_bytes()
    except OSError as problem:
        raise UserError(
            f'the key for signing results cannot be kept in "{path}": {problem.strerror}; set '
            f"{VARIABLE} to a folder that can be written, or use --no-provenance"
        ) from None
    return _parse(content, path)


def known() -> Identity | None:
    """Return this machine's identity if it exists and is usable; create none."""
    path = config_dir() / FILE
    try:
        return _parse(path.read_bytes(), path)
    except (OSError, UserError):
        return None


def _parse(content: bytes, path: Path) -> Identity:
    marker = b"-----BEGIN CERTIFICATE-----"
    key, _, chain = content.partition(marker)
    found = Identity(key, marker + chain)
    try:
        private = serialization.load_pem_private_key(key, None)
        certificate = found.certificate
        belongs = certificate.public_key() == private.public_key()
    except (ValueError, TypeError, IndexError, UnsupportedAlgorithm):
        belongs = False
    if not belongs:
        raise UserError(f'"{path}" is damaged; remove it and a new key will be made')
    if certificate.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        raise UserError(f'the certificate in "{path}" has expired; remove it to have a new one')
    return found


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that no other user can read at any time."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    sync(temporary)
    temporary.replace(path)


def _make() -> bytes:
    """Return a new private key, its certificate, and the issuing authority's certificate.

    The authority's key is discarded: it can never issue another certificate.
    """
    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    number = f"{x509.random_serial_number() >> 120:08X}"
    issuer = _name(f"{MAKER}, self-made authority {number}")
    root = (
        _builder(issuer, issuer, authority)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .sign(authority, hashes.SHA256())
    )
    # C2PA asks for these extensions; a certificate for e-mail is the kind its readers accept
    mail = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION])
    made_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    leaf = (
        _builder(_name(f"{MAKER}, self-made certificate {number}"), issuer, own)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(mail, critical=False)
        .add_extension(made_by, critical=False)
        .sign(authority, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key + leaf.public_bytes(pem) + root.public_bytes(pem)


def _name(common: str) -> x509.Name:
    organization = x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, MAKER)
    return x509.Name([organization, x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509
        .CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)  # for clocks that are behind
        .not_valid_after(now + YEARS * 365 * day)
        .add_extension(identifier, critical=False)
    )


def _usage(*allowed: str) -> x509.KeyUsage:
    signing = ("digital_signature", "content_commitment", "key_cert_sign", "crl_sign")
    encryption = ("key_encipherment", "data_encipherment", "encipher_only", "decipher_only")
    names = (*signing, *encryption, "key_agreement")
    return x509.KeyUsage(**{name: name in allowed for name in names})
