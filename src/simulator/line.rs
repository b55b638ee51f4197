//! The connection's own end: a TCP stream that can be told to end in a reset, and a body that can break off.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

/// Tells a [`Line`] to end in a reset.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResetSwitch(Arc<AtomicBool>);

impl ResetSwitch {
    pub(crate) fn pull(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn pulled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A TCP stream that sends RST in place of FIN once its switch is pulled.
#[derive(Debug)]
pub(crate) struct Line {
    stream: TcpStream,
    switch: ResetSwitch,
}

impl Line {
    pub(crate) fn new(stream: TcpStream, switch: ResetSwitch) -> Self {
        Self { stream, switch }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.switch.pulled()
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::debug!(%error, "the simulator could not reset a connection; it closes it instead");
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A FIN now would turn the reset into an orderly end.
        if self.switch.pulled() { Poll::Ready(Ok(())) } else { Pin::new(&mut self.stream).poll_shutdown(cx) }
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// An answer's body: whole, or its first half and then an end that is none.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    /// All of it.
    Whole(Option<Bytes>),
    /// The first half; after a moment, in which it is flushed, the connection breaks.
    Cut { half: Option<Bytes>, total: u64, pause: Pin<Box<Sleep>> },
    /// The first half, and silence.
    Stall { half: Option<Bytes>, total: u64 },
}

/// The body broke off because a fault said so.
#[derive(Debug, thiserror::Error)]
#[error("a fault cut the answer off")]
pub(crate) struct CutOff;

impl AnswerBody {
    pub(crate) fn whole(body: Bytes) -> Self {
        Self::Whole((!body.is_empty()).then_some(body))
    }

    pub(crate) fn cut(body: &Bytes) -> Self {
        let pause = Box::pin(tokio::time::sleep(Duration::from_millis(20)));
        Self::Cut { half: Some(body.slice(..body.len() / 2)), total: body.len() as u64, pause }
    }

    pub(crate) fn stall(body: &Bytes) -> Self {
        Self::Stall { half: Some(body.slice(..body.len() / 2)), total: body.len() as u64 }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Cut { half, pause, .. } => {
                if let Some(bytes) = half.take() {
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                ready!(pause.as_mut().poll(cx));
                Poll::Ready(Some(Err(CutOff)))
            }
            Self::Stall { half, .. } => match half.take() {
                Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                None => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, Bytes::len) as u64),
            // The length that the headers promise; the connection breaks before it is reached.
            Self::Cut { total, .. } | Self::Stall { total, .. } => SizeHint::with_exact(*total),
        }
    }
}
