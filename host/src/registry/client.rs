//! The way to a registry.

use super::{ARTEFACT, Error, PACKAGE, Parcel, SCHEME, SIGNATURE, Title};
use crate::plugins::package::MAX_PACKAGE;
use crate::plugins::signature::MAX_SIGNATURE;
use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential};
use futures_util::StreamExt as _;
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use std::collections::BTreeMap;
use std::time::Duration;

/// Until a registry answers, and between two pieces of an answer.
const CONNECT: Duration = Duration::from_secs(10);
const READ: Duration = Duration::from_mins(1);

/// A manifest and the words of an error have a thousand bytes, and arrive before anything is known of them: they have this time.
const ANSWER: Duration = Duration::from_mins(1);

/// Fetches a package.
pub async fn pull(text: &str) -> Result<Parcel, Error> {
    let Door { reference, client, auth } = Door::of(text)?;
    let asked = tokio::time::timeout(ANSWER, client.pull_image_manifest(&reference, &auth)).await;
    let (manifest, _) = asked.map_err(|late| registry(text, late))?.map_err(|error| registry(text, error))?;
    let package = layer(&manifest, PACKAGE).ok_or_else(|| Error::Strange {
        reference: text.to_owned(),
        what: format!("its type is `{}`", manifest.artifact_type.as_deref().unwrap_or(&manifest.config.media_type)),
    })?;
    let fetch = async |descriptor: &OciDescriptor, most: u64| fetch(text, &client, &reference, descriptor, most).await;
    let signature = match layer(&manifest, SIGNATURE) {
        Some(descriptor) => Some(fetch(descriptor, MAX_SIGNATURE).await?),
        None => None,
    };
    Ok(Parcel { package: fetch(package, MAX_PACKAGE).await?, signature })
}

/// Bytes of one layer: as many as its descriptor says, with the digest that it says.
async fn fetch(
    text: &str,
    client: &Client,
    reference: &Reference,
    descriptor: &OciDescriptor,
    most: u64,
) -> Result<Vec<u8>, Error> {
    let too_large = |size| Error::TooLarge { reference: text.to_owned(), size, most };
    let size = u64::try_from(descriptor.size).unwrap_or(u64::MAX);
    if size > most {
        return Err(too_large(size));
    }
    // By its digest alone: a descriptor may name other places to fetch from.
    let asked = tokio::time::timeout(ANSWER, client.pull_blob_stream(reference, descriptor.digest.as_str())).await;
    let stream = asked.map_err(|late| registry(text, late))?.map_err(|error| registry(text, error))?;
    let mut stream = stream.stream;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece.map_err(|error| registry(text, error))?);
        if bytes.len() as u64 > size {
            return Err(too_large(bytes.len() as u64));
        }
    }
    Ok(bytes)
}

/// Puts a package there; gives the reference by digest, which stays what it is.
pub async fn push(text: &str, parcel: Parcel, title: Title<'_>) -> Result<String, Error> {
    let Door { reference, client, auth } = Door::of(text)?;
    let named = |name: String| Some(BTreeMap::from([("org.opencontainers.image.title".to_owned(), name)]));
    let file = format!("{}-{}.wmigrate", title.name, title.version);
    let mut layers = vec![ImageLayer::new(parcel.package, PACKAGE.to_owned(), named(file.clone()))];
    if let Some(signature) = parcel.signature {
        layers.push(ImageLayer::new(signature, SIGNATURE.to_owned(), named(format!("{file}.minisig"))));
    }
    let config = Config::new(&b"{}"[..], ARTEFACT.to_owned(), None);
    let annotations = BTreeMap::from([
        ("org.opencontainers.image.title".to_owned(), title.name.to_owned()),
        ("org.opencontainers.image.version".to_owned(), title.version.to_owned()),
        ("org.opencontainers.image.vendor".to_owned(), title.publisher.to_owned()),
    ]);
    let mut manifest = OciImageManifest::build(&layers, &config, Some(annotations));
    manifest.artifact_type = Some(ARTEFACT.to_owned());
    client.push(&reference, &layers, config, &auth, Some(manifest)).await.map_err(|error| registry(text, error))?;
    let digest = client.fetch_manifest_digest(&reference, &auth).await.map_err(|error| registry(text, error))?;
    Ok(format!("{SCHEME}{}/{}@{digest}", reference.registry(), reference.repository()))
}

fn layer<'m>(manifest: &'m OciImageManifest, media_type: &str) -> Option<&'m OciDescriptor> {
    manifest.layers.iter().find(|layer| layer.media_type == media_type)
}

fn registry(reference: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Registry { reference: reference.to_owned(), source: error.into() }
}

/// A registry, with the login that the machine has for it.
struct Door {
    reference: Reference,
    client: Client,
    auth: RegistryAuth,
}

impl Door {
    fn of(text: &str) -> Result<Self, Error> {
        let wrong = |cause: String| Error::Reference { reference: text.to_owned(), cause };
        let plain = text.strip_prefix(SCHEME).unwrap_or(text);
        let reference: Reference = plain.parse().map_err(|error| wrong(format!("{error}")))?;
        let host = plain.split('/').next().unwrap_or_default();
        // Without a host a reference is one of a certain registry elsewhere: nobody should be sent there by a slip.
        if reference.registry() != host {
            return Err(wrong("it has no registry".to_owned()));
        }
        // Names of one machine need no certificate, and have none.
        let protocol = if is_loopback(host) { ClientProtocol::Http } else { ClientProtocol::Https };
        crate::sql::choose_ciphers();
        let client = Client::new(ClientConfig {
            protocol,
            connect_timeout: Some(CONNECT),
            read_timeout: Some(READ),
            platform_resolver: None,
            user_agent: concat!("wmigrate/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        });
        let auth = login(host)?;
        Ok(Self { reference, client, auth })
    }
}

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

fn login(host: &str) -> Result<RegistryAuth, Error> {
    match get_credential(host) {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(RegistryAuth::Basic(user, password)),
        Ok(DockerCredential::IdentityToken(_)) => Err(Error::Login {
            registry: host.to_owned(),
            cause: "it is an identity token, which cannot be used here".to_owned(),
        }),
        Err(
            CredentialRetrievalError::NoCredentialConfigured
            | CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError,
        ) => Ok(RegistryAuth::Anonymous),
        Err(CredentialRetrievalError::HelperFailure { stdout, stderr, .. })
            if (stdout.clone() + &stderr).contains("credentials not found") =>
        {
            Ok(RegistryAuth::Anonymous)
        }
        // The helper's own words may have more in them than a message should.
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
            Err(Error::Login { registry: host.to_owned(), cause: format!("`{helper}` failed") })
        }
        Err(error) => Err(Error::Login { registry: host.to_owned(), cause: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Door, is_loopback};

    #[test]
    fn a_reference_names_its_registry() {
        for good in ["oci://localhost:5000/acme/notes:1.0", "oci://registry.example/notes"] {
            assert!(Door::of(good).is_ok(), "{good}");
        }
        for bad in ["oci://", "oci://notes", "oci://acme/notes:1.0", "oci://registry.example/Notes:1"] {
            assert!(Door::of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_this_machine_is_asked_in_the_clear() {
        assert!(is_loopback("localhost:5000") && is_loopback("127.0.0.1") && is_loopback("[::1]:5000"));
        assert!(!is_loopback("localhost.example") && !is_loopback("10.0.0.1:5000"));
    }
}
