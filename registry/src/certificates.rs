//! Certificates: trusted authorities, and the client's own.

use crate::error::{Error, Result};
use crate::text::escaped;
use curl::easy::Easy2;
use std::path::{Path, PathBuf};

/// The largest file of certificates, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// For the connections to one host.
#[derive(Clone, Debug, Default)]
pub struct Certificates {
    /// In PEM: of authorities that are trusted beside the system's.
    authorities: Vec<u8>,
    client_certificate: Option<PathBuf>,
    client_key: Option<PathBuf>,
}

impl Certificates {
    /// Reads a file of authorities.
    pub fn add_authorities(&mut self, path: &Path) -> Result<()> {
        let file = escaped(&path.to_string_lossy());
        let pem = read_bounded(path).map_err(|e| Error::invalid(format!("{file}: {e}")))?;
        const BEGIN: &[u8] = b"-----BEGIN ";
        if !pem.windows(BEGIN.len()).any(|window| window == BEGIN) {
            return Err(Error::invalid(format!(
                "{file}: found no certificate in PEM"
            )));
        }
        self.authorities.extend_from_slice(&pem);
        self.authorities.push(b'\n');
        Ok(())
    }

    pub fn set_client(&mut self, certificate: &Path, key: Option<&Path>) {
        self.client_certificate = Some(certificate.to_owned());
        self.client_key = key.map(Path::to_owned);
    }

    /// Adds what a folder of `certs.d` has for its host: `*.crt` are authorities, `*.cert`
    /// with `*.key` a certificate of the client's.
    pub fn add_folder(&mut self, folder: &Path) -> Result<()> {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Ok(());
        };
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        files.sort();
        for file in files {
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => self.add_authorities(&file)?,
                Some("cert") if self.client_certificate.is_none() => {
                    self.set_client(&file, Some(&file.with_extension("key")));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub fn apply<H>(&self, easy: &mut Easy2<H>) -> std::result::Result<(), curl::Error> {
        if !self.authorities.is_empty() {
            // This takes the place of the system's file; its folder stays.
            easy.ssl_cainfo_blob(&self.with_those_of_the_system())?;
        }
        if let Some(certificate) = &self.client_certificate {
            easy.ssl_cert(certificate)?;
            easy.ssl_key(self.client_key.as_ref().unwrap_or(certificate))?;
        }
        Ok(())
    }

    fn with_those_of_the_system(&self) -> Vec<u8> {
        let mut all = self.authorities.clone();
        let version = curl::Version::get();
        let has_folder = version
            .capath()
            .is_some_and(|folder| Path::new(folder).is_dir());
        if !has_folder
            && let Some(file) = version.cainfo()
            && let Ok(pem) = read_bounded(Path::new(file))
        {
            all.extend_from_slice(&pem);
        }
        all
    }
}

/// The folders of `certs.d` for a host, with its port where the reference has one.
pub fn folders(home: Option<&Path>, host: &str) -> Vec<PathBuf> {
    let user = home.map(|home| home.join(".config/containers/certs.d"));
    let system = ["/etc/containers/certs.d", "/etc/docker/certs.d"];
    let all = user.into_iter().chain(system.map(PathBuf::from));
    all.map(|folder| folder.join(host)).collect()
}

fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut content = Vec::new();
    std::fs::File::open(path)?
        .take(MAX_FILE)
        .read_to_end(&mut content)?;
    Ok(content)
}
