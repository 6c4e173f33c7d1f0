//! The server.

use std::{
    any::Any,
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
        mpsc::Sender,
    },
};

use burn_cubecl::cubecl::ir::TargetProperties;
use cubecl_common::{
    bytes::Bytes,
    device::{DeviceId, DeviceService, ServiceId},
};
use cubecl_environment::{backtrace::BackTrace, future::DynFut, stream::StreamId};
use cubecl_server::{
    allocator::ContiguousMemoryLayoutPolicy,
    client::Client,
    compiler::CompilationError,
    dry_run::LaunchMode,
    id::KernelId,
    kernel::{CubeKernel, KernelDefinition, define_kernel},
    logging::ServerLogger,
    memory_management::{ManagedMemoryHandle, MemoryAllocationMode, StreamMemoryReport},
    server::{
        BufferBinding, CopyDescriptor, CubeCount, IoError, KernelArguments, ProfileError,
        ProfilingToken, Server, ServerCommunication, ServerError, ServerStorage, ServerUtilities,
    },
    storage::{ComputeStorage, ManagedResource, StorageHandle, StorageId},
};

use crate::{Source, Target};

/// A server without memory, which compiles kernels of burn-argmax in the place of running them.
#[derive(Debug)]
pub(crate) struct Recorder {
    target: Target,
    utilities: Arc<ServerUtilities>,
    seen: HashSet<KernelId>,
    launches: Sender<Launch>,
}

/// A kernel that was to be launched for the first time.
pub(crate) struct Launch {
    /// The path of its type.
    pub(crate) type_name: &'static str,
    pub(crate) units: u32,
    pub(crate) source: Result<Source, CompilationError>,
}

impl Recorder {
    /// The client of a server of its own.
    pub(crate) fn client(target: Target, launches: Sender<Launch>) -> Client {
        static DEVICES: AtomicU16 = AtomicU16::new(0);
        let device = DeviceId::new(0, DEVICES.fetch_add(1, Ordering::Relaxed));
        let (utilities, _) = ServerUtilities::init(
            ServiceId::of::<Self>(device),
            "recorder",
            target.properties(),
            TargetProperties::default(),
            Arc::new(ServerLogger::default()),
            ContiguousMemoryLayoutPolicy::new(256),
        );
        let server = Self {
            target,
            utilities: Arc::new(utilities),
            seen: HashSet::new(),
            launches,
        };
        Client::init(device, server)
    }
}

/// A panic would end on the thread of the server, and the kernel be lost.
fn compile(target: Target, kernel: KernelDefinition) -> Result<Source, CompilationError> {
    catch_unwind(AssertUnwindSafe(|| target.compile(kernel))).unwrap_or_else(|_| {
        Err(CompilationError::Generic {
            reason: "the compiler panicked".to_owned(),
            backtrace: BackTrace::capture(),
        })
    })
}

impl Server for Recorder {
    unsafe fn launch(
        &mut self,
        kernel: Box<dyn CubeKernel>,
        _count: CubeCount,
        _bindings: KernelArguments,
        _stream_id: StreamId,
        _launch_mode: LaunchMode,
    ) {
        let (type_name, id) = (kernel.name(), kernel.id());
        // Burn's own are launched too, to copy and to cast.
        if !type_name.starts_with("burn_argmax::") || !self.seen.insert(id.clone()) {
            return;
        }
        let source = define_kernel(&*kernel).and_then(|kernel| compile(self.target, kernel));
        let launch = Launch {
            type_name,
            units: id.cube_dim.num_elems(),
            source,
        };
        self.launches
            .send(launch)
            .expect("the survey outlives its clients");
    }

    fn initialize_memory(
        &mut self,
        _memory: ManagedMemoryHandle,
        _size: u64,
        _stream_id: StreamId,
    ) -> Result<(), ServerError> {
        Ok(())
    }

    fn read(
        &mut self,
        _descriptors: Vec<CopyDescriptor>,
        _stream_id: StreamId,
    ) -> DynFut<Result<Vec<Bytes>, ServerError>> {
        Box::pin(core::future::ready(Err(no_memory())))
    }

    fn write(&mut self, _descriptors: Vec<(CopyDescriptor, Bytes)>, _stream_id: StreamId) {}

    fn sync(
        &mut self,
        _handles: Vec<BufferBinding>,
        _stream_id: StreamId,
    ) -> DynFut<Result<(), ServerError>> {
        Box::pin(core::future::ready(Ok(())))
    }

    fn check(
        &mut self,
        _handles: Vec<BufferBinding>,
        _stream_id: StreamId,
    ) -> Result<(), ServerError> {
        Ok(())
    }

    fn flush(&mut self, _stream_id: StreamId) -> Result<(), ServerError> {
        Ok(())
    }

    fn memory_report(&mut self, _stream_id: StreamId) -> Option<StreamMemoryReport> {
        None
    }

    fn memory_cleanup(&mut self, _stream_id: StreamId) -> Result<(), ServerError> {
        Ok(())
    }

    fn start_profile(&mut self, _stream_id: StreamId) -> Result<ProfilingToken, ServerError> {
        Err(no_memory())
    }

    fn end_profile(
        &mut self,
        _stream_id: StreamId,
        _token: ProfilingToken,
    ) -> Result<cubecl_common::profile::ProfileDuration, ProfileError> {
        Err(ProfileError::NotMeasured {
            backtrace: BackTrace::capture(),
        })
    }

    fn allocation_mode(&mut self, _mode: MemoryAllocationMode, _stream_id: StreamId) {}

    fn logger(&self) -> Arc<ServerLogger> {
        self.utilities.logger.clone()
    }

    fn utilities(&self) -> Arc<ServerUtilities> {
        self.utilities.clone()
    }
}

impl ServerCommunication for Recorder {}

impl ServerStorage for Recorder {
    type Storage = Nothing;

    fn get_resource(
        &mut self,
        _binding: BufferBinding,
        _stream_id: StreamId,
    ) -> Result<ManagedResource<Nothing>, ServerError> {
        Err(no_memory())
    }
}

impl DeviceService for Recorder {
    fn init(_device: DeviceId) -> Self {
        unreachable!("a recorder is made for its target, not for a device")
    }

    fn utilities(&self) -> Arc<dyn Any + Send + Sync> {
        self.utilities.clone()
    }
}

/// The memory that there is not.
#[derive(Debug)]
pub(crate) enum Nothing {}

impl ComputeStorage for Nothing {
    type Resource = Self;

    fn alignment(&self) -> usize {
        match *self {}
    }

    fn get(&mut self, _handle: &StorageHandle) -> Result<Self, IoError> {
        match *self {}
    }

    fn alloc(&mut self, _size: u64) -> Result<StorageHandle, IoError> {
        match *self {}
    }

    fn dealloc(&mut self, _id: StorageId) {
        match *self {}
    }

    fn flush(&mut self) {
        match *self {}
    }

    fn bytes_allocated(&self) -> u64 {
        match *self {}
    }
}

fn no_memory() -> ServerError {
    let backtrace = BackTrace::capture();
    IoError::UnsupportedIoOperation { backtrace }.into()
}
