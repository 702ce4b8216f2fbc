/** A process, or a part of one, that the front door passes requests on to. It listens on 127.0.0.1. */
export interface Backend {
  readonly name: string;
  readonly port: number;
  /** Whether it can serve now; a rejection counts as no. */
  readonly isReady: () => Promise<boolean>;
}

/** How often every gateway is asked whether it is ready. */
export const READY_CHECK_MS = 500;

interface Gateway {
  readonly backend: Backend;
  ready: boolean;
  /** How many connections it has through the front door. */
  open: number;
}

/** Tells which gateways can take a connection, the least loaded first. */
export class GatewayPool {
  readonly #gateways: Gateway[];
  readonly #timer: NodeJS.Timeout;
  #turn = 0;

  constructor(backends: readonly Backend[]) {
    this.#gateways = backends.map((backend) => ({ backend, ready: false, open: 0 }));
    this.#timer = setInterval(() => void this.check(), READY_CHECK_MS);
    void this.check();
  }

  /** Asks every gateway whether it is ready. */
  async check(): Promise<void> {
    await Promise.all(
      this.#gateways.map(async (gateway) => {
        gateway.ready = await gateway.backend.isReady().catch(() => false);
      }),
    );
  }

  /** The ready gateways, the one with the fewest connections first. Gateways with equally many take turns. */
  candidates(): Backend[] {
    this.#turn += 1;
    const count = this.#gateways.length;
    return this.#gateways
      .map((gateway, index) => ({ gateway, turn: (index + this.#turn) % count }))
      .filter(({ gateway }) => gateway.ready)
      .sort((a, b) => a.gateway.open - b.gateway.open || a.turn - b.turn)
      .map(({ gateway }) => gateway.backend);
  }

  /** A gateway refused a connection: it is no candidate until it says again that it is ready. */
  failed(backend: Backend): void {
    const gateway = this.#find(backend);
    if (gateway) gateway.ready = false;
  }

  /** Counts a connection. @returns to be called when the connection is closed */
  opened(backend: Backend): () => void {
    const gateway = this.#find(backend);
    if (gateway) gateway.open += 1;
    let closed = false;
    return () => {
      if (gateway && !closed) gateway.open -= 1;
      closed = true;
    };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #find(backend: Backend): Gateway | undefined {
    return this.#gateways.find((gateway) => gateway.backend === backend);
  }
}
