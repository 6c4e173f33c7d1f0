use burn_cubecl::CubeBackend;

use crate::ArgmaxOps;

impl ArgmaxOps for CubeBackend {}
