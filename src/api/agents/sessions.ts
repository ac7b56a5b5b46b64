// The leading master's side of the agents' connections, for any transport that carries frames: who is connected, pings,
// reports in the order in which they came, messages to agents. Knows no socket.
import { Packr } from "msgpackr";
import {
  PROTOCOL_VERSION,
  type RegisterAgent,
  STATUSES_PER_FRAME_MAX,
  TASKS_PER_RUN_MAX,
  type ToAgent,
} from "../../contract/agent-protocol.ts";
import type { AgentId, MemberId } from "../../kernel/ids.ts";
import type { Connection, ConnectionHandler, Timer } from "../../kernel/ports.ts";
import { uuidFrom } from "../../kernel/random.ts";
import type { Outcome } from "../../master/types.ts";
import type { Command, Rejection } from "../../state/commands.ts";
import type { AgentMessage, ConnectionMessage } from "../../state/effects.ts";
import type { ApiContext } from "../context.ts";
import { registerCommand, reportCommand } from "../convert/agents.ts";
import {
  AGENT_COMMANDS_IN_FLIGHT_MAX,
  AGENT_PING_INTERVAL_MS,
  AGENT_PINGS_MISSED_MAX,
  AGENT_REGISTER_TIMEOUT_MS,
  AGENT_SILENCE_MS_MAX,
  AGENT_UNSENT_BYTES_MAX,
} from "../limits.ts";
import { type AgentReport, agentMessage, drainOrder, messageOfFrame } from "./messages.ts";
import { RunGatherer } from "./run-gatherer.ts";

interface Session {
  readonly id: string;
  readonly connection: Connection;
  /** `confirming` from the register frame until the agent's word that it still means it, `registering` until its commit. */
  phase: "connected" | "confirming" | "registering" | "registered" | "closed";
  /** While confirming. */
  registration: Command | null;
  agentId: AgentId | null;
  timer: Timer | null;
  pingsUnanswered: number;
  commandsInFlight: number;
  /** Tasks to run that have not been sent. */
  runs: RunGatherer | null;
  takesVolumes: boolean;
}

export class AgentSessions {
  private readonly context: ApiContext;
  private readonly packr = new Packr({ useRecords: false });
  private readonly byConnection = new Map<string, Session>();
  private readonly byAgent = new Map<AgentId, Session>();

  constructor(context: ApiContext) {
    this.context = context;
  }

  /** Takes a connection that is open or about to be. */
  accept(connection: Connection): ConnectionHandler {
    const session: Session = {
      id: uuidFrom(this.context.random),
      connection,
      phase: "connected",
      registration: null,
      agentId: null,
      timer: null,
      pingsUnanswered: 0,
      commandsInFlight: 0,
      runs: null,
      takesVolumes: false,
    };
    this.byConnection.set(session.id, session);
    session.timer = this.context.clock.after(AGENT_REGISTER_TIMEOUT_MS, () =>
      this.closeFor(session, "no register frame in time"),
    );
    return {
      onFrame: (frame) => this.receive(session, frame),
      onClose: (reason) => this.ended(session, reason),
    };
  }

  deliverToAgent(agentId: AgentId, message: AgentMessage): void {
    const session = this.byAgent.get(agentId);
    if (session === undefined || (message.kind === "volumes" && !session.takesVolumes)) return;
    if (message.kind === "run" && session.runs !== null) session.runs.add(message);
    else this.sendTo(session, agentMessage(message));
  }

  deliverToConnection(connectionId: string, message: ConnectionMessage): void {
    const session = this.byConnection.get(connectionId);
    if (session === undefined) {
      if (message.kind === "registered") this.reportGone(message.agentId, connectionId);
      return;
    }
    if (message.kind === "registered") this.bind(session, message);
    else if (message.kind === "shutdown") this.shutDown(session, message.message);
    else this.closeFor(session, "the agent has connected anew");
  }

  /** This master leads no more: agents are told who does. */
  redirectAll(leader: MemberId | null): void {
    for (const session of [...this.byConnection.values()]) this.redirectTo(session, leader);
  }

  closeAll(): void {
    for (const session of [...this.byConnection.values()]) this.drop(session);
  }

  private receive(session: Session, frame: Uint8Array): void {
    if (session.phase === "closed") return;
    const message = this.understood(session, () => messageOfFrame(frame));
    if (message === undefined) return;
    if (message === null) this.closeFor(session, "a frame is no message of the agent protocol");
    else if (message.kind === "register") this.register(session, message);
    else if (message.kind === "pong") this.ponged(session);
    else if (session.phase === "registered" && session.agentId !== null) {
      this.report(session, session.agentId, message);
    } else this.closeFor(session, `a ${message.kind} frame before the agent is registered`);
  }

  /** What an agent's bytes mean is worked out by itself: a fault in that ends the agent's connection, never the master. */
  private understood<Meaning>(session: Session, read: () => Meaning): Meaning | undefined {
    try {
      return read();
    } catch (error) {
      const { agentId, id } = session;
      const why = String(error);
      this.context.tracer.error("agent frame not understood", { agentId, connectionId: id, why });
      this.closeFor(session, `a frame could not be understood: ${why}`);
      return undefined;
    }
  }

  private register(session: Session, frame: RegisterAgent): void {
    if (session.phase !== "connected") this.closeFor(session, "a second register frame");
    else if (!this.context.isLeading()) this.redirectTo(session, this.context.master.status().leader);
    else if (frame.protocolVersion !== PROTOCOL_VERSION) {
      this.closeFor(session, `protocol version ${frame.protocolVersion} is not spoken here`);
    } else {
      const command = this.understood(session, () => registerCommand(frame, session.id));
      if (command === undefined) return;
      session.takesVolumes = frame.takesVolumes === true;
      session.runs = new RunGatherer(Math.min(frame.tasksPerRunMax ?? 0, TASKS_PER_RUN_MAX), (runs) =>
        this.write(session, runs),
      );
      if (command.ok) this.confirm(session, command.value);
      else this.closeFor(session, `the agent's resources are invalid: ${command.error}`);
    }
  }

  /**
   * A registration says all that the agent has, and what it does not name counts as lost. One that was on its way when the
   * agent gave up the connection, and that arrives after a newer one, must not count: so the agent is asked first.
   */
  private confirm(session: Session, command: Command): void {
    session.phase = "confirming";
    session.registration = command;
    this.sendTo(session, { kind: "ping" });
  }

  private ponged(session: Session): void {
    session.pingsUnanswered = 0;
    const { registration } = session;
    if (session.phase !== "confirming" || registration === null) return;
    session.registration = null;
    this.submitRegister(session, registration);
  }

  private submitRegister(session: Session, command: Command): void {
    session.phase = "registering";
    session.timer?.cancel();
    void this.context.master.submit(command).then((outcome) => this.afterRegister(session, outcome));
  }

  /** A registration that is done has been bound by its effect. */
  private afterRegister(session: Session, outcome: Outcome): void {
    if (outcome.kind === "done" || session.phase === "closed") return;
    if (outcome.kind === "rejected") this.refuse(session, outcome.rejection);
    else if (outcome.kind === "not-leader") this.redirectTo(session, outcome.leader);
    else this.closeFor(session, `the registration came to nothing: ${outcome.kind}`);
  }

  /** One that may try again keeps its tasks meanwhile. */
  private refuse(session: Session, { code, message }: Rejection): void {
    if (code !== "agent-not-admitted") {
      this.shutDown(session, message);
      return;
    }
    this.context.tracer.warn("agent not admitted", { connectionId: session.id, reason: message });
    this.sendTo(session, { kind: "redirect", leader: null, reason: message });
    this.closeFor(session, message);
  }

  private bind(
    session: Session,
    { agentId, drain }: Extract<ConnectionMessage, { readonly kind: "registered" }>,
  ): void {
    const older = this.byAgent.get(agentId);
    if (older !== undefined && older !== session) this.closeFor(older, "the agent has connected anew");
    session.phase = "registered";
    session.agentId = agentId;
    this.byAgent.set(agentId, session);
    this.sendTo(session, {
      kind: "registered",
      agentId,
      silenceMsMax: AGENT_SILENCE_MS_MAX,
      statusesMax: STATUSES_PER_FRAME_MAX,
      ...(drain === undefined ? {} : { drain: drainOrder(drain) }),
    });
    this.context.tracer.info("agent connected", { agentId, connectionId: session.id });
    session.timer = this.context.clock.after(AGENT_PING_INTERVAL_MS, () => this.ping(session));
  }

  private ping(session: Session): void {
    if (session.phase !== "registered") return;
    if (session.pingsUnanswered >= AGENT_PINGS_MISSED_MAX) {
      this.closeFor(session, `${AGENT_PINGS_MISSED_MAX} pings without a pong`);
      return;
    }
    session.pingsUnanswered += 1;
    this.sendTo(session, { kind: "ping" });
    session.timer = this.context.clock.after(AGENT_PING_INTERVAL_MS, () => this.ping(session));
  }

  /** Not waited for: reports are many, and the order of the calls is the order of the log. */
  private report(session: Session, agentId: AgentId, message: AgentReport): void {
    const now = this.context.clock.wallMs();
    const command = this.understood(session, () => reportCommand(message, agentId, now));
    if (command === undefined || command === null) return;
    if (session.commandsInFlight >= AGENT_COMMANDS_IN_FLIGHT_MAX) {
      this.closeFor(session, "too many reports wait to be committed");
      return;
    }
    session.commandsInFlight += 1;
    this.context.master.order(command, (outcome) => this.afterReport(session, command, outcome));
  }

  /** What is not committed is sent again by the agent; a rejected report is of a task that nobody knows. */
  private afterReport(session: Session, command: Command, outcome: Outcome): void {
    session.commandsInFlight -= 1;
    if (command.kind === "unregister-agent" && outcome.kind === "done") this.drop(session);
    if (outcome.kind === "rejected") {
      const { message } = outcome.rejection;
      this.context.tracer.debug("agent report rejected", {
        agentId: session.agentId,
        report: command.kind,
        message,
      });
    }
  }

  private sendTo(session: Session, message: ToAgent): void {
    session.runs?.release();
    this.write(session, message);
  }

  private write(session: Session, message: ToAgent): void {
    if (session.phase === "closed") return;
    session.connection.send(this.packr.pack(message));
    if (session.connection.bufferedBytes() > AGENT_UNSENT_BYTES_MAX) {
      this.closeFor(session, "the agent does not read");
    }
  }

  private shutDown(session: Session, message: string): void {
    this.sendTo(session, { kind: "shutdown", message });
    this.closeFor(session, `shut down: ${message}`);
  }

  private redirectTo(session: Session, leader: MemberId | null): void {
    const address = leader === null ? null : this.context.memberApiAddress(leader);
    this.sendTo(session, { kind: "redirect", leader: address });
    this.drop(session);
  }

  private closeFor(session: Session, reason: string): void {
    if (session.phase === "closed") return;
    session.connection.close();
    this.ended(session, reason);
  }

  /** The connection is over; if the agent was registered by it, the cluster is told. */
  private ended(session: Session, reason: string): void {
    if (session.phase === "closed") return;
    const { agentId } = session;
    this.context.tracer.info("agent connection closed", { agentId, connectionId: session.id, reason });
    this.forget(session);
    if (agentId !== null) this.reportGone(agentId, session.id);
  }

  /** Closes without telling the cluster, which knows or does not care any more. */
  private drop(session: Session): void {
    session.connection.close();
    this.forget(session);
  }

  private forget(session: Session): void {
    session.phase = "closed";
    session.timer?.cancel();
    this.byConnection.delete(session.id);
    if (session.agentId !== null && this.byAgent.get(session.agentId) === session) {
      this.byAgent.delete(session.agentId);
    }
  }

  private reportGone(agentId: AgentId, connectionId: string): void {
    void this.context.master.submit({ kind: "disconnect-agent", agentId, connectionId });
  }
}
