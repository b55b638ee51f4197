//! Listening, and the in-process handle.
//!
//! The accept loop is our own: a fault must be able to end a connection without an answer, which a framework's handler cannot.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    call::{Call, Fate, Reply},
    control,
    directory::DirectoryChange,
    faults::{Fault, FaultState},
    graph,
    ledger::{LedgerMode, RequestRecord},
    line::{AnswerBody, CutOff, Line, ResetSwitch},
    promises::Violation,
    report::{self, TenantState},
    sharepoint::ItemAct,
    tenant::TenantSpec,
    traffic,
    world::World,
};
use crate::clock::{SharedClock, SystemClock};

/// Largest request body, as with Graph.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// A running simulator. Dropping it stops it.
#[derive(Debug)]
pub struct Simulator {
    world: Arc<World>,
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Simulator {
    /// Listens on an address (`127.0.0.1:0` for any free port) on the running tokio runtime. There is no tenant yet.
    pub async fn start(address: impl tokio::net::ToSocketAddrs) -> std::io::Result<Self> {
        Self::start_at(address, Arc::new(SystemClock)).await
    }

    /// As [`Simulator::start`], going by another clock (waiting is still done in real time).
    pub async fn start_at(address: impl tokio::net::ToSocketAddrs, clock: SharedClock) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let world = Arc::new(World::new(clock));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(accept(listener, Arc::clone(&world), stop.clone(), tasks.clone()));
        Ok(Self { world, address, stop, tasks })
    }

    /// The root for both `microsoft.login_url` and `microsoft.graph_url`, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a tenant, in place of one with the same id; returns its id.
    pub fn add_tenant(&self, spec: TenantSpec) -> String {
        self.world.add_tenant(spec).id.clone()
    }

    /// Changes a tenant at work: see [`control::TenantChange`]. `false` when there is no such tenant or app.
    pub fn change_tenant(&self, tenant: &str, change: control::TenantChange) -> bool {
        control::change_tenant(&self.world, tenant, change)
    }

    /// Does to an event what its mailbox's owner might: see [`control::WorkerAct`]. `false` when it is not there.
    pub fn worker(&self, tenant: &str, mailbox: &str, event: &str, act: &control::WorkerAct) -> bool {
        control::worker(&self.world, tenant, mailbox, event, act).is_ok()
    }

    /// Changes a tenant's directory while it is being read: see [`DirectoryChange`]. `false` when something named is not there;
    /// the changes before it stand.
    pub fn change_directory(&self, tenant: &str, changes: Vec<DirectoryChange>) -> bool {
        control::change_directory(&self.world, tenant, changes).is_ok()
    }

    /// Does to an item of a list (by its id) what a person might: see [`ItemAct`]. `false` when it is not there.
    pub fn by_hand(&self, tenant: &str, list: &str, act: &ItemAct) -> bool {
        control::by_hand(&self.world, tenant, list, act)
    }

    /// Adds a fault; returns its number.
    pub fn add_fault(&self, fault: Fault) -> u64 {
        self.world.faults.add(fault)
    }

    /// The faults that stand, with how often each has struck.
    pub fn faults(&self) -> Vec<FaultState> {
        self.world.faults.list()
    }

    /// Removes one fault, or all.
    pub fn remove_fault(&self, id: Option<u64>) {
        self.world.faults.remove(id);
    }

    /// The requests kept, in order of arrival.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.world.ledger.records()
    }

    /// Requests by kind and status, `createEvent 201` for example; complete in every mode.
    pub fn counts(&self) -> std::collections::BTreeMap<String, u64> {
        self.world.ledger.counts()
    }

    /// What the ledger keeps from now on.
    pub fn set_ledger(&self, mode: LedgerMode) {
        self.world.ledger.set_mode(mode);
    }

    /// How long every call takes at least.
    pub fn set_latency(&self, latency: Duration) {
        self.world.set_latency(latency);
    }

    /// All that a tenant remembers.
    pub fn state(&self, tenant: &str) -> Option<TenantState> {
        self.world.tenant(tenant).map(|tenant| report::tenant(&tenant))
    }

    /// Calls that came before the end of a `Retry-After`.
    pub fn violations(&self) -> Vec<Violation> {
        self.world.promises.violations()
    }

    /// The accepted traffic as JSON lines for an independent check of the wire format: see [`traffic`].
    pub fn traffic(&self) -> String {
        traffic::lines(&self.requests(), false)
    }

    /// Forgets tenants, tokens, faults and requests.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Stops listening and ends every connection.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, world: Arc<World>, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: others have to end first.
                    tracing::warn!(%error, "the simulator could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let (world, stop) = (Arc::clone(&world), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = connection(stream, world) => {}
            }
        });
    }
}

async fn connection(stream: TcpStream, world: Arc<World>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY on a simulator connection");
    }
    let switch = ResetSwitch::default();
    let line = Line::new(stream, switch.clone());
    let service = service_fn(|request| serve(&world, &switch, request));
    let served = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(line), service).await;
    if let Err(error) = served {
        tracing::trace!(%error, "a simulator connection ended early");
    }
}

async fn serve(world: &Arc<World>, switch: &ResetSwitch, request: Request<Incoming>) -> Result<Response<AnswerBody>, CutOff> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MOST_BYTES).collect().await else { return Ok(response(&Reply::empty(413))) };
    let call = Call {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: body.to_bytes(),
        in_batch: false,
    };
    let reply = if call.path.starts_with("/_sim/") { control::answer(world, &call) } else { answered(world, call).await };
    match reply.fate {
        Fate::Stall if reply.body.is_empty() => std::future::pending().await,
        Fate::Whole | Fate::Stall => Ok(response(&reply)),
        Fate::Cut => {
            switch.pull();
            Ok(response(&reply))
        }
        Fate::Close => Err(CutOff),
        Fate::Reset => {
            switch.pull();
            Err(CutOff)
        }
    }
}

/// Answers a call. One that may be held back runs on its own: its effect comes even if the caller has hung up meanwhile, as with
/// a real server, where hyper would drop it together with the connection.
async fn answered(world: &Arc<World>, call: Call) -> Reply {
    if !world.may_wait() {
        return graph::answer(world, &call).await;
    }
    let world = Arc::clone(world);
    let held = tokio::spawn(async move { graph::answer(&world, &call).await });
    held.await.unwrap_or_else(|_| Reply::empty(500))
}

fn response(reply: &Reply) -> Response<AnswerBody> {
    let body = match reply.fate {
        Fate::Cut => AnswerBody::cut(&reply.body),
        Fate::Stall => AnswerBody::stall(&reply.body),
        Fate::Whole | Fate::Close | Fate::Reset => AnswerBody::whole(reply.body.clone()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &reply.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    response
}
