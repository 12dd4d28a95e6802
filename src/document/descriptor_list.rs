//! The layers of a manifest, in few allocations whatever their number.

use super::descriptor::DescriptorReader;
use crate::descriptor::Descriptor;
use crate::json::{Fault, Parser};
use crate::media_type;
use std::fmt;
use std::sync::Arc;

/// An immutable list of descriptors; clones share it.
///
/// A hostile manifest may list a hundred thousand layers of 40 bytes each. Parsed, one takes 136
/// bytes, with a URL 330. So the list keeps what the document says, which was checked when it was
/// read, and a descriptor is parsed again when it is asked for.
#[derive(Clone, Default)]
pub struct DescriptorList(Option<Arc<Written>>);

struct Written {
    /// The objects, one behind the other.
    json: Box<str>,
    /// The end of each.
    ends: Box<[u32]>,
    /// How many have the media type of a layer.
    of_layer_type: usize,
}

impl DescriptorList {
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |written| written.ends.len())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How many have the media type of a layer, without reading them again.
    pub fn count_of_layer_type(&self) -> usize {
        self.0.as_ref().map_or(0, |written| written.of_layer_type)
    }

    pub fn get(&self, i: usize) -> Option<Arc<Descriptor>> {
        let written = self.0.as_ref()?;
        let end = *written.ends.get(i)? as usize;
        let start = match i {
            0 => 0,
            _ => written.ends[i - 1] as usize,
        };
        let mut p = Parser::new(&written.json[start..end]);
        match DescriptorReader::default().read(&mut p) {
            Ok(d) => Some(Arc::new(d)),
            Err(_) => unreachable!("it was read before"),
        }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = Arc<Descriptor>> {
        (0..self.len()).map(|i| self.get(i).expect("below the length"))
    }
}

impl fmt::Debug for DescriptorList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A [`DescriptorList`] in the making.
#[derive(Default)]
pub struct DescriptorListBuilder {
    json: String,
    ends: Vec<u32>,
    of_layer_type: usize,
}

impl DescriptorListBuilder {
    /// Reads the next descriptor, which has to be right, and appends it.
    pub fn read(&mut self, p: &mut Parser<'_>, reader: &mut DescriptorReader) -> Result<(), Fault> {
        let (d, raw) = p.with_raw(|p| reader.read_checked(p))?;
        self.json.push_str(raw);
        let end = u32::try_from(self.json.len()).expect("documents are below 4 GiB");
        self.ends.push(end);
        self.of_layer_type += usize::from(media_type::is_layer(&d.media_type));
        Ok(())
    }

    pub fn finish(self) -> DescriptorList {
        DescriptorList((!self.ends.is_empty()).then(|| {
            Arc::new(Written {
                json: self.json.into(),
                ends: self.ends.into(),
                of_layer_type: self.of_layer_type,
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<DescriptorList, Fault> {
        let mut list = DescriptorListBuilder::default();
        let mut reader = DescriptorReader::default();
        Parser::new(json).list(|p| list.read(p, &mut reader))?;
        Ok(list.finish())
    }

    #[test]
    fn descriptors_are_read_again_as_they_are_written() {
        let all = [
            r#"{"mediaType":"a","digest":"a:b","size":0}"#,
            r#"{ "size" : 5, "mediaType":"\u0061", "digest":"a:c", "urls":["x","y"] }"#,
            r#"{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"a:d","size":0,"annotations":{"k":"v"},"x":[{}]}"#,
        ];
        let list = read(&format!("[{}]", all.join(" , "))).unwrap();
        assert_eq!((list.len(), list.is_empty()), (3, false));
        assert_eq!(list.count_of_layer_type(), 1);
        let mut reader = DescriptorReader::default();
        for (i, d) in list.iter().enumerate() {
            assert_eq!(*d, reader.read(&mut Parser::new(all[i])).unwrap());
            assert_eq!(list.get(i), Some(d));
        }
        assert_eq!(list.get(3), None);
        assert!(read("[]").unwrap().is_empty());
        assert!(read(r#"[{"mediaType":"a","digest":"a:b"}]"#).is_err());
    }
}
