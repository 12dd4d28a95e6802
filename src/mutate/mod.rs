//! Changes of images, and layers of the program's own.

pub mod layer_writer;
