"""The ways out: a mailer for each mail server of the settings, and how it is signed in to."""

from cme.config.mail_settings import Route
from cme.config.settings import Settings
from cme.mail.smtp import Login, SafeMail, xoauth2
from cme.mail.tokens import AccessToken, Token, TokenFile


def token_of(route: Route) -> Token | None:
    """What gives the token that signs in; None where a password does, or nothing. Keep it: it keeps the token."""
    if route.token_file:
        return TokenFile(route.token_file)
    if not route.token_url:
        return None
    return AccessToken(route.token_url, route.client_id, route.client_secret.get_secret_value() if route.client_secret else "", route.scope)


def login_of(route: Route, token: Token | None) -> Login:
    """How a connection to a route is signed in."""
    if token:
        return xoauth2(route.user, token)
    return (route.user, route.password.get_secret_value()) if route.user and route.password else None


def mailer_of(settings: Settings, route: Route, sender: str, name: str, token: Token | None) -> SafeMail:
    """A mailer to a route; one per worker. Outside of production it reaches example addresses only."""
    return SafeMail(sender, name, route.host, route.port, tls=route.tls, login=login_of(route, token), ca=str(route.ca) if route.ca else None,
                    data_timeout=settings.mail_data_timeout, allowed=None if settings.environment == "production" else {"*.example"})
