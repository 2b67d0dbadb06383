"""From obstore's errors to ours: the root cause, what to do, the request.

obstore shows whole answers, signed queries and retries; what is of use in it is found by pattern.
"""

from __future__ import annotations

import re

from airflow_provider_planet_reports.landing.errors import (
    ConditionsUnsupported,
    DestinationError,
    DestinationRefused,
)

_REQUEST = re.compile(r"Error performing ([A-Z]+) ([^\s?]+)")
_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_DETAIL = re.compile(r"<Code>(\w+)|redential provider: ([^\n]{1,200})")
_NO_BUCKET = "NoSuchBucket|ContainerNotFound"


class Conflict(DestinationError):
    """The object has another revision than the one that a put was to replace."""


class UntrustedServer(DestinationRefused):
    """The server cannot show who it is: no retry and no other request would do better."""


#: What is found in "<method> <status>" and obstore's error -> our error, and what it says. The
#: first that is found counts: reasons why there is no connection, then reasons in answers, then
#: statuses.
_CAUSES: list[tuple[str, type[DestinationError], str]] = [
    (r"InvalidCertificate\(\s*UnknownIssuer", UntrustedServer,
     "Unknown certificate authority: set verify (AWS) or REQUESTS_CA_BUNDLE to its CA file"),
    ("InvalidCertificate", UntrustedServer,
     "Untrusted certificate: check the endpoint's host name, and the certificate's dates"),
    ("InvalidContentType", UntrustedServer,
     "No TLS at this endpoint: correct its port, or write http:// for it"),
    ("TunnelUnsuccessful|ProxyAuthRequired|^[A-Z]+ 407", DestinationError,
     "The proxy refused: check HTTPS_PROXY, NO_PROXY and the connection's proxies"),
    (r"ConnectFailed\(", DestinationError,
     "The proxy does not answer: check HTTPS_PROXY, NO_PROXY and the connection's proxies"),
    ("dns error", DestinationError,
     "Unknown host: check the endpoint, the region, and this machine's DNS"),
    ("ConnectionRefused", DestinationError,
     "Connection refused: check the endpoint's host and port, and the firewall"),
    ("redential provider: ", DestinationError,
     "No credentials to be had: check the connection"),
    (_NO_BUCKET, DestinationRefused,
     "No such bucket or container: create it, or correct the destination"),
    ("PermanentRedirect|AuthorizationHeaderMalformed|redirect without LOCATION",
     DestinationRefused, "Wrong region for this bucket: correct region_name in the connection"),
    ("InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken|AuthenticationFailed"
     "|^[A-Z]+ 401", DestinationRefused,
     "Credentials rejected: renew them in the connection, and check this machine's clock"),
    ("^(GET|HEAD) 403", DestinationRefused,
     "No right to read: allow reading and listing (without listing, S3 answers 403 for a missing "
     "object)"),
    ("^[A-Z]+ 403", DestinationRefused,
     "No right to write: allow the connection's user to write and delete here"),
    ("^[A-Z]+ 501", ConditionsUnsupported,
     "Conditional requests are not supported here (501): update the server"),
    ("^[A-Z]+ (304|409|412)", Conflict, "Written by another process meanwhile: run again"),
    ("^[A-Z]+ (408|429|5)", DestinationError, "The store failed or is busy: run again later"),
    ("^[A-Z]+ 4", DestinationRefused,
     "Refused by the store: check the connection's settings and the bucket's policy"),
    ("TimedOut|operation timed out", DestinationError,
     "No answer in time: check the network and the endpoint"),
    ("", DestinationError, "No whole answer from the store: check network and endpoint"),
]  # fmt: skip


def translated(error: BaseException, address: str) -> Exception:
    """Return our error for what a call of obstore raised.

    :param error: what it raised.
    :param address: of the object, for users.
    """
    text = str(error)
    if isinstance(error, FileNotFoundError) and not re.search(_NO_BUCKET, text):
        return FileNotFoundError(address)
    request, status = _REQUEST.search(text), _STATUS.search(text)
    facts = f"{request[1] if request else ''} {status[1] if status else ''}\n{text}"
    kind, says = next((kind, says) for sign, kind, says in _CAUSES if re.search(sign, facts))
    detail = _DETAIL.search(text)
    details = [status and status[1], detail and (detail[1] or detail[2])]
    shown = ", ".join(each for each in details if each) or type(error).__name__
    return kind(f"{says} ({shown}). {f'{request[1]} {request[2]}' if request else address}")
