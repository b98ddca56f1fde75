"""Certificates for servers on this machine."""

from pathlib import Path

import trustme


def make_certificate(certificate: Path, private_key: Path) -> None:
    """Make a certificate for 127.0.0.1 and localhost, signed by an authority of its own; one that is there stays.

    Args:
        certificate: PEM file of the certificate and its authority, for the server to show and for clients to trust.
        private_key: PEM file of its key, readable by the owner only.
    """
    if certificate.is_file() and private_key.is_file():
        return
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    certificate.parent.mkdir(parents=True, exist_ok=True)
    private_key.touch(mode=0o600)
    private_key.write_bytes(server.private_key_pem.bytes())
    certificate.write_bytes(server.cert_chain_pems[0].bytes() + authority.cert_pem.bytes())
