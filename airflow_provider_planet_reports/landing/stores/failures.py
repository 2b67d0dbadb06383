"""From obstore's errors to ours: the root cause, what to do, the request.

obstore shows whole answers, signed queries and retries; what is of use in it is found by pattern.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from airflow_provider_planet_reports.landing import errors

_REQUEST = re.compile(r"Error performing ([A-Z]+) ([^\s?]+)")
_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_DETAIL = re.compile(r"<Code>(\w+)|redential provider: ([^\n]{1,200})")


class Conflict(errors.DestinationError):
    """The object has another revision than the one that a put was to replace."""


_AGAIN, _FINAL = errors.DestinationError, errors.DestinationRefused
#: What is found in "<method> <status> <type>" and obstore's error -> our error, and what it says.
#: The first that is found counts: why there is no connection, then reasons in answers, statuses.
_CAUSES: list[tuple[str, type[Exception], str]] = [
    (r"InvalidCertificate\(\s*UnknownIssuer", _FINAL,
     "Unknown certificate authority: set verify (AWS) or REQUESTS_CA_BUNDLE to its CA file"),
    ("InvalidCertificate|InvalidContentType", _FINAL,
     "Untrusted server: check its certificate's host and dates, and whether it has TLS at all"),
    (r"TunnelUnsuccessful|ProxyAuthRequired|ConnectFailed\(|^\w+ 407", _AGAIN,
     "No way through the proxy: check HTTPS_PROXY, NO_PROXY and the connection's proxies"),
    ("dns error", _AGAIN, "Unknown host: check endpoint, region and this machine's DNS"),
    ("ConnectionRefused", _AGAIN, "Connection refused: check the endpoint's host and port"),
    ("redential provider: ", _AGAIN, "No credentials to be had: check the connection"),
    ("^PUT 404.*\n(?s:.*)(NoSuchKey|BlobNotFound)", Conflict, "Deleted meanwhile: run again"),
    ("NoSuchUpload", _AGAIN, "The upload is not there any more: run again"),
    ("NoSuchBucket|ContainerNotFound|^(PUT|POST) 404", _FINAL,
     "No such bucket or container: create or correct it"),
    ("^.*FileNotFoundError", FileNotFoundError, "Not found"),
    (r"PermanentRedirect|AuthorizationHeaderMalformed|^\w+ 301|redirect without LOCATION", _FINAL,
     "Wrong region for this bucket: correct region_name in the connection"),
    ("InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken|AuthenticationFailed"
     r"|^\w+ 401", _FINAL, "Credentials rejected: renew them in the connection"),
    ("^(GET|HEAD) 403", _FINAL, "No right to read: allow reading and listing (S3 answers 403 for "
     "a missing object where listing is not allowed)"),
    (r"^\w+ 403", _FINAL, "No right to write: allow this user to write and delete here"),
    ("Version required for conditional update", errors.ConditionsUnsupported,
     "No generations here: this server is not Google's"),
    (r"^\w+ 501", errors.ConditionsUnsupported, "No conditional requests here: update the server"),
    (r"^\w+ (304|409|412)", Conflict, "Written by another process meanwhile: run again"),
    (r"^\w+ 4(?!08|29)", _FINAL, "Refused by the store: check connection and bucket policy"),
    ("", _AGAIN, "The store fails, or is too slow: run again later, and check the network"),
]  # fmt: skip


def translated(error: BaseException, address: str) -> Exception:
    """Return our error for what a call of obstore raised.

    :param error: what it raised.
    :param address: of the object, for users.
    """
    text = str(error)
    request, status, detail = _REQUEST.search(text), _STATUS.search(text), _DETAIL.search(text)
    method = request[1] if request else ""
    facts = f"{method} {status[1] if status else ''} {type(error).__name__}\n{text}"
    kind, says = next((kind, says) for sign, kind, says in _CAUSES if re.search(sign, facts))
    details = [status and status[1], detail and (detail[1] or detail[2])]
    shown = ", ".join(each for each in details if each) or type(error).__name__
    return kind(f"{says} ({shown}). {f'{method} {unquote(request[2])}' if request else address}")
