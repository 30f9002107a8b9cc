"""Twilio's webhooks, as a test sends them: signed by Twilio's own SDK."""

import os
import ssl

import httpx
from support.credentials import AUTH_TOKEN
from support.processes import Service
from support.sids import account_sid
from support.timing import PATIENCE
from twilio.request_validator import RequestValidator

# Each client would read all of the world's certificates anew, for a service without any.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def post(service: Service, path: str = "/twilio/status", **form: str) -> httpx.Response:
    """Send a form of an account, with a field that is blank as some always are."""
    form = {"AccountSid": account_sid(1), "ApiVersion": "2010-04-01", "CallerCity": "", **form}
    url = f"{service.url}{path}"
    signed = RequestValidator(AUTH_TOKEN).compute_signature(url, form)
    headers = {"X-Twilio-Signature": signed, "I-Twilio-Idempotency-Token": os.urandom(8).hex()}
    async with httpx.AsyncClient(trust_env=False, verify=NO_CERTIFICATES, timeout=PATIENCE) as http:
        return await http.post(url, data=form, headers=headers)


async def call_status(service: Service, call_sid: str, status: str, **form: str) -> None:
    """Tell what became of a call leg; it is taken."""
    answer = await post(service, CallSid=call_sid, CallStatus=status, **form)
    assert (answer.status_code, answer.text) == (204, "")
