//! stub
use crate::error::Result;
use crate::loader::Loader;
use std::path::Path;
use std::sync::Arc;
#[derive(Default)]
pub struct Options {
    pub ref_name: Option<String>,
    pub max_unpacked_size: u64,
}
pub fn open(_p: &Path, _: &Options) -> Result<Arc<dyn Loader>> {
    todo!()
}
pub fn open_layout(_p: &Path, _: &Options) -> Result<Arc<dyn Loader>> {
    todo!()
}
pub fn open_archive(_p: &Path, _: &Options) -> Result<Arc<dyn Loader>> {
    todo!()
}
