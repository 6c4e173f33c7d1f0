use core::fmt;

use burn_core::tensor::DType;
use burn_cubecl::cubecl::{
    Compiler, VulkanCompilationOptions, WgpuCompilationOptions,
    ir::{
        AddressType, DeviceIdentity, DeviceProperties, ElemType, FloatKind, HardwareProperties,
        IntKind, MemoryDeviceProperties, UIntKind,
        features::{Features, TypeUsage},
    },
};
use cubecl_common::profile::TimingMethod;
use cubecl_cpp::{
    ComputeKernel, register_supported_types,
    shared::{CompilationOptions, CppCompiler, CppSupportedFeatures},
    target::{Cuda, Hip, Metal},
};
use cubecl_server::{compiler::CompilationError, kernel::KernelDefinition};
use cubecl_spirv::SpirvCompiler;
use cubecl_wgpu::WgslCompiler;

use crate::Source;

/// What kernels are compiled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// WebGPU, and wgpu where it has nothing better.
    Wgsl,
    /// Vulkan.
    Spirv,
    /// NVIDIA, by CUDA C++.
    Cuda,
    /// AMD, by HIP C++.
    Hip,
    /// Apple.
    Metal,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Wgsl, Self::Spirv, Self::Cuda, Self::Hip, Self::Metal];

    /// The dtypes of tensors that it can have. WGSL knows no `bf16`.
    pub fn dtypes(self) -> &'static [DType] {
        match self {
            Self::Wgsl => &[DType::F32, DType::F16],
            _ => &[DType::F32, DType::F16, DType::BF16],
        }
    }

    /// Of a device that has no more than the target promises: what WebGPU does, and elsewhere what CubeCL's
    /// runtimes say of hardware of the last years.
    pub(crate) fn properties(self) -> DeviceProperties {
        let (units, shared, max_vector_size) = match self {
            Self::Wgsl => (256, 16 << 10, 4),
            Self::Spirv | Self::Metal => (1024, 32 << 10, 4),
            Self::Cuda | Self::Hip => (1024, 48 << 10, usize::MAX),
        };
        let hardware = HardwareProperties {
            load_width: 128,
            vector_register_count: None,
            plane_size_min: 32,
            plane_size_max: 32,
            max_bindings: 30,
            max_shared_memory_size: shared,
            max_cube_count: (65_535, 65_535, 65_535),
            max_units_per_cube: units,
            max_cube_dim: (units, units, 64),
            num_streaming_multiprocessors: None,
            num_cpu_cores: None,
            last_level_cache_size: None,
            num_tensor_cores: None,
            min_tensor_cores_dim: None,
            max_vector_size,
            cube_mma_reserved_shared_memory: 0,
        };
        let mut properties = DeviceProperties::new(
            Features::default(),
            MemoryDeviceProperties::new(1 << 32, 256),
            hardware,
            TimingMethod::System,
            DeviceIdentity::default(),
        );
        match self {
            Self::Wgsl | Self::Spirv => self.register_shader_types(&mut properties),
            Self::Cuda | Self::Hip | Self::Metal => register_supported_types(&mut properties),
        }
        properties
    }

    fn register_shader_types(self, properties: &mut DeviceProperties) {
        properties.register_address_type(AddressType::U32);
        let floats = self.dtypes().iter().map(|dtype| match dtype {
            DType::F16 => ElemType::Float(FloatKind::F16),
            DType::BF16 => ElemType::Float(FloatKind::BF16),
            _ => ElemType::Float(FloatKind::F32),
        });
        let others = [
            ElemType::Index,
            ElemType::UInt(UIntKind::U32),
            ElemType::Int(IntKind::I32),
            ElemType::Bool,
        ];
        for elem in floats.chain(others) {
            properties.register_type_usage(elem, TypeUsage::all());
        }
    }

    pub(crate) fn compile(self, kernel: KernelDefinition) -> Result<Source, CompilationError> {
        match self {
            Self::Wgsl => {
                let options = WgpuCompilationOptions::default();
                let shader = WgslCompiler.compile(kernel, &options)?;
                Ok(Source {
                    text: shader.to_string(),
                    words: Vec::new(),
                    shared_bytes: shader.shared_memory_size,
                })
            }
            Self::Spirv => {
                let module = SpirvCompiler.compile(kernel, &vulkan_1_3())?;
                Ok(Source {
                    text: module.to_string(),
                    words: module.assembled_module,
                    shared_bytes: module.shared_size,
                })
            }
            Self::Cuda => cpp::<CppCompiler<Cuda>>(kernel, hopper()),
            Self::Hip => cpp::<CppCompiler<Hip>>(
                kernel,
                CppSupportedFeatures {
                    fast_math: true,
                    ..CppSupportedFeatures::default()
                },
            ),
            Self::Metal => cpp::<CppCompiler<Metal>>(kernel, CppSupportedFeatures::default()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wgsl => "WGSL",
            Self::Spirv => "SPIR-V",
            Self::Cuda => "CUDA",
            Self::Hip => "HIP",
            Self::Metal => "Metal",
        })
    }
}

/// What CubeCL asks of a device of compute capability 9.0.
fn hopper() -> CppSupportedFeatures {
    CppSupportedFeatures {
        grid_constants: true,
        clusters: true,
        fast_math: true,
        fast_tanh: true,
        elect_sync: true,
        dp4a: true,
    }
}

/// What CubeCL asks of a device of Vulkan 1.3, with one extension. Without it, the shared memory of CubeCL 0.11.3 is
/// declared as a pointer to itself, and no kernel that has any is valid.
fn vulkan_1_3() -> WgpuCompilationOptions {
    WgpuCompilationOptions {
        supports_u64: true,
        supports_vulkan_compiler: true,
        supports_msl_compiler: false,
        vulkan: VulkanCompilationOptions {
            supports_explicit_smem: true,
            supports_uniform_standard_layout: true,
            max_spirv_version: (1, 6),
            max_vector_size: 4,
            push_constant_size: 128,
            ..VulkanCompilationOptions::default()
        },
    }
}

fn cpp<C>(
    kernel: KernelDefinition,
    supports_features: CppSupportedFeatures,
) -> Result<Source, CompilationError>
where
    C: Compiler<Representation = ComputeKernel, CompilationOptions = CompilationOptions> + Default,
{
    let options = CompilationOptions {
        supports_features,
        ..CompilationOptions::default()
    };
    let kernel = C::default().compile(kernel, &options)?;
    Ok(Source {
        text: kernel.source,
        words: Vec::new(),
        shared_bytes: kernel.shared_memory_size,
    })
}
