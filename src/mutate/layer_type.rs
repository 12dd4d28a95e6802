//! The media types that layers have in each family of manifests.

use crate::error::{Error, Result};
use crate::image::Format;
use crate::media_type;
use crate::text::{Escaped, Text};

const OCI: &str = "application/vnd.oci.image.layer.v1.tar";
const OCI_FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";
const DOCKER: &str = "application/vnd.docker.image.rootfs.diff.tar";
const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstd,
    /// A compression without a name in any specification.
    Unnamed,
}

/// A layer's media type taken apart.
#[derive(Clone, Copy)]
struct LayerType {
    is_foreign: bool,
    compression: Compression,
}

impl LayerType {
    /// `None` for encrypted layers, and for types that no specification knows.
    fn parse(media_type: &str) -> Option<Self> {
        let media_type = media_type::oci_layer(media_type);
        let bases = [
            (false, OCI),
            (true, OCI_FOREIGN),
            (false, DOCKER),
            (true, DOCKER_FOREIGN),
        ];
        bases.into_iter().find_map(|(is_foreign, base)| {
            let compression = match media_type.strip_prefix(base)? {
                "" => Compression::None,
                "+gzip" => Compression::Gzip,
                "+zstd" => Compression::Zstd,
                "+bzip2" | "+xz" | ".bzip2" | ".xz" => Compression::Unnamed,
                _ => return None,
            };
            Some(Self {
                is_foreign,
                compression,
            })
        })
    }

    /// The name that this family has for the type.
    fn name(self, format: Format) -> Option<&'static str> {
        use Compression::{Gzip, None as Plain, Unnamed, Zstd};
        let name = match (format, self.is_foreign, self.compression) {
            (Format::Oci, false, Plain) => OCI,
            (Format::Oci, false, Gzip) => "application/vnd.oci.image.layer.v1.tar+gzip",
            (Format::Oci, false, Zstd) => "application/vnd.oci.image.layer.v1.tar+zstd",
            (Format::Oci, true, Plain) => OCI_FOREIGN,
            (Format::Oci, true, Gzip) => {
                "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
            }
            (Format::Oci, true, Zstd) => {
                "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"
            }
            (Format::Docker, false, Plain) => DOCKER,
            (Format::Docker, false, Gzip) => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            (Format::Docker, true, Plain) => DOCKER_FOREIGN,
            (Format::Docker, true, Gzip) => {
                "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
            }
            (Format::Docker, _, Zstd) | (_, _, Unnamed) => return None,
        };
        Some(name)
    }
}

/// The media type of a layer in a manifest of this family. A `given` one is used unchanged,
/// but zstd is refused in a Docker image.
pub fn in_family(own: &str, format: Format, given: Option<&str>) -> Result<Text> {
    let own_type = LayerType::parse(own);
    let is_zstd = |t: Option<LayerType>| t.is_some_and(|t| t.compression == Compression::Zstd);
    if format == Format::Docker && (is_zstd(own_type) || is_zstd(given.and_then(LayerType::parse)))
    {
        return Err(Error::unsupported(
            "found a zstd layer for a Docker image, which other tools refuse, expected gzip or \
             none: convert the image to OCI first",
        ));
    }
    let name = match (given, own_type) {
        (Some(given), _) => given,
        (None, Some(own_type)) => own_type.name(format).ok_or_else(|| {
            Error::unsupported(format_args!(
                "layer of type \"{}\": its compression has no media type, expected gzip, zstd \
                 or none, or a media type in the options",
                Escaped(own)
            ))
        })?,
        (None, None) if format == Format::Oci => own,
        (None, None) => return Err(no_docker_name(own)),
    };
    Ok(Text::new(name).expect("a media type has no NUL"))
}

/// The media type of a layer after its manifest is converted.
pub fn converted(own: &str, format: Format) -> Result<Text> {
    let name = match (LayerType::parse(own), format) {
        (Some(own_type), Format::Docker) => {
            own_type.name(format).ok_or_else(|| no_docker_name(own))?
        }
        (Some(own_type), Format::Oci) => own_type.name(format).unwrap_or(own),
        (None, Format::Oci) => own,
        (None, Format::Docker) => return Err(no_docker_name(own)),
    };
    Ok(Text::new(name).expect("a media type has no NUL"))
}

fn no_docker_name(own: &str) -> Error {
    Error::unsupported(format_args!(
        "layer of type \"{}\", expected one that Docker has a name for",
        Escaped(own)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    #[test]
    fn a_layer_gets_the_name_that_the_family_has_for_it() {
        let oci = |rest: &str| format!("application/vnd.oci.image.layer.{rest}");
        let docker = |rest: &str| format!("application/vnd.docker.image.rootfs.{rest}");
        for (a, b) in [
            (oci("v1.tar"), docker("diff.tar")),
            (oci("v1.tar+gzip"), docker("diff.tar.gzip")),
            (oci("nondistributable.v1.tar"), docker("foreign.diff.tar")),
            (
                oci("nondistributable.v1.tar+gzip"),
                docker("foreign.diff.tar.gzip"),
            ),
        ] {
            for own in [&a, &b] {
                assert_eq!(&*in_family(own, Format::Oci, None).unwrap(), a);
                assert_eq!(&*in_family(own, Format::Docker, None).unwrap(), b);
                assert_eq!(&*converted(own, Format::Oci).unwrap(), a);
                assert_eq!(&*converted(own, Format::Docker).unwrap(), b);
                assert!(media_type::is_layer(own));
            }
        }
        let zstd = in_family(&docker("diff.tar.zstd"), Format::Oci, None);
        assert_eq!(&*zstd.unwrap(), oci("v1.tar+zstd"));
    }

    #[test]
    fn a_layer_without_a_name_in_the_family_is_refused() {
        let zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
        let encrypted = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted";
        let xz = "application/vnd.oci.image.layer.v1.tar+xz";
        for (own, format, given) in [
            (zstd, Format::Docker, None),
            (zstd, Format::Docker, Some("x/y")),
            ("x/y", Format::Docker, Some(zstd)),
            (encrypted, Format::Docker, None),
            ("x/y", Format::Docker, None),
            (xz, Format::Oci, None),
            (xz, Format::Docker, None),
        ] {
            let error = in_family(own, format, given).unwrap_err();
            assert_eq!(error.status(), Status::Unsupported, "{own}");
        }
        for (own, given) in [(encrypted, None), ("x/y", None), (xz, Some("x/y"))] {
            let name = in_family(own, Format::Oci, given).unwrap();
            assert_eq!(&*name, given.unwrap_or(own));
        }
    }
}
