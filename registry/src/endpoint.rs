//! A repository at one server that has it: the registry, or a mirror.

use crate::reference::{Mirror, Repository, login_name};

#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Host and port.
    pub host: String,
    /// The repository's name there.
    pub name: String,
    /// Under which name logins are kept.
    pub login_registry: String,
    pub is_mirror: bool,
}

impl Endpoint {
    pub fn of_registry(repository: &Repository) -> Self {
        Self {
            host: repository.host().to_owned(),
            name: repository.name.clone(),
            login_registry: repository.registry.clone(),
            is_mirror: false,
        }
    }

    pub fn of_mirror(mirror: &Mirror, repository: &Repository) -> Self {
        let name = &repository.name;
        Self {
            host: mirror.host.clone(),
            name: match &*mirror.prefix {
                "" => name.clone(),
                prefix => format!("{prefix}/{name}"),
            },
            login_registry: login_name(&mirror.host).to_owned(),
            is_mirror: true,
        }
    }

    /// The actions that a login must allow, `pull` or `pull,push`.
    pub fn scope(&self, actions: &str) -> String {
        format!("repository:{}:{actions}", self.name)
    }
}
