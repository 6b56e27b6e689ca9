//! `postgresql://user:password@host:port,host:port/database?parameter=value`, as libpq reads it. Errors quote nothing
//! that could be a piece of a password with a character that should have been percent-encoded.

use super::Error;
use super::parameters::Parameters;
use std::fmt::Write as _;

/// Whether it is meant as a URL.
pub(super) fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme))
}

/// Splits a URL into parameters.
pub(super) fn parse(text: &str) -> Result<Parameters, Error> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    check_scheme(scheme)?;
    let mut parameters = Parameters::default();
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    // Without this the tail of a password would be taken for a port or a parameter, and be quoted.
    let stray = database.contains('@') || (!authority.contains('@') && authority.contains(':') && query.contains('@'));
    if stray {
        return Err(Error::Url {
            reason: "the user name or password in the database URL holds a `/` or `?`",
            hint: "write `%2F` for `/`, `%3F` for `?`, `%40` for `@`",
        });
    }
    let may_show = !query.contains('@') && !query.contains("password");
    let hosts = match authority.rsplit_once('@') {
        None => authority,
        Some((login, hosts)) => {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            set_decoded(&mut parameters, "user", user)?;
            set_decoded(&mut parameters, "password", password)?;
            hosts
        }
    };
    set_hosts(&mut parameters, hosts)?;
    set_decoded(&mut parameters, "dbname", database)?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(Error::Url {
            reason: "a parameter in the database URL has no `=`",
            hint: "parameters are written ?name=value&name=value",
        })?;
        let (name, value) = (decode(name)?, decode(value)?);
        // JDBC's short form, which libpq takes too.
        if name == "ssl" && value == "true" {
            parameters.set("sslmode", "require".to_owned(), true)?;
        } else {
            parameters.set(&name, value, may_show)?;
        }
    }
    Ok(parameters)
}

/// Percent-encodes everything that has a meaning in a URL.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+.-:".contains(c))
}

fn check_scheme(scheme: &str) -> Result<(), Error> {
    if let "postgresql" | "postgres" = scheme {
        return Ok(());
    }
    let dialect = |whose, drop: String| Err(Error::Dialect { scheme: scheme.to_owned(), whose, drop });
    if let Some(driver) = scheme.strip_prefix("postgresql").or_else(|| scheme.strip_prefix("postgres"))
        && driver.starts_with('+')
    {
        return dialect("SQLAlchemy's", driver.to_owned());
    }
    if scheme.starts_with("jdbc:postgres") {
        return dialect("Java's", "jdbc:".to_owned());
    }
    Err(Error::Scheme(scheme.to_owned()))
}

fn set_hosts(parameters: &mut Parameters, hosts: &str) -> Result<(), Error> {
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = if let Some(inside) = host.strip_prefix('[') {
            let (name, after) = inside.split_once(']').ok_or(Error::Url {
                reason: "an IPv6 address in the database URL has no closing `]`",
                hint: "write it as [::1]:5432",
            })?;
            (name, after.strip_prefix(':').unwrap_or(after))
        } else {
            host.split_once(':').unwrap_or((host, ""))
        };
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            // Not quoted: after a `:` without an `@` it may be a password.
            return Err(Error::Url {
                reason: "a port in the database URL is not a number",
                hint: "postgresql://user:password@host:5432/database, with `%3A` for a `:` inside a name",
            });
        }
        names.push(decode(name)?);
        ports.push(port);
    }
    if names.iter().any(|name| !name.is_empty()) {
        parameters.set("host", names.join(","), true)?;
    }
    if ports.iter().any(|port| !port.is_empty()) {
        parameters.set("port", ports.join(","), true)?;
    }
    Ok(())
}

fn set_decoded(parameters: &mut Parameters, name: &'static str, text: &str) -> Result<(), Error> {
    if !text.is_empty() {
        parameters.set(name, decode(text)?, true)?;
    }
    Ok(())
}

fn decode(text: &str) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let value = rest.next().and_then(hex).zip(rest.next().and_then(hex)).map(|(high, low)| high * 16 + low);
        bytes.push(value.ok_or(Error::Url {
            reason: "a `%` in the database URL is not followed by two hexadecimal digits",
            hint: "write `%25` for the character `%`",
        })?);
    }
    // A zero byte would end the name in the server's protocol.
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or(Error::Url {
        reason: "the database URL is not UTF-8 once decoded, or holds `%00`",
        hint: "percent-encode the UTF-8 bytes of each character",
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
