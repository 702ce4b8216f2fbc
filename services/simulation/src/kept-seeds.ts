import type { Scenario } from './variety.js';

export interface KeptSeed {
  readonly seed: number;
  readonly mistake: string;
  readonly faults?: number;
  /** The scenario in which it showed the mistake. Absent: the first. */
  readonly scenario?: Scenario;
}

/** Seeds that once showed a mistake, with the mistake. They are run with every test. */
export const KEPT_SEEDS: readonly KeptSeed[] = [
  { seed: 188, mistake: 'the last publish before a lull was lost to one gateway, whose members never got the message' },
  { seed: 307, mistake: 'the same, while the other gateway was being drained' },
  { seed: 278, mistake: "another client's message of the same id passed for this client's own, which was lost" },
  {
    seed: 886,
    mistake: 'a client that moved while the history was trimmed called reset what the link it left had given it',
  },
  {
    seed: 61,
    mistake: 'a plain member that had one message missed another of the same id when two histories became one',
  },
  { seed: 169, mistake: 'a log that was lost alone was not put back, for its session still counted what it had held' },
  { seed: 365, mistake: 'two messages of one id under one number passed for the same when two histories became one' },
  { seed: 511, mistake: 'a member was told that history may differ from a number on that it had not reached' },
  { seed: 1027, mistake: 'a gateway that was ahead and had nothing left in memory forked for ever' },
  { seed: 1189, mistake: 'what a sender had seen pending was trimmed before it was given to it, and never answered' },
  { seed: 2365, mistake: 'a session that had expired was put back by a gateway that took a late answer for a new one' },
  { seed: 5016, mistake: 'a session that ended while a member was told where it is left it nowhere' },
  { seed: 9851, mistake: 'what was trimmed from a log was taken for lost in a fork, and stored again' },
  {
    seed: 13244,
    mistake: 'a client met a new epoch after an expiry, and did not say that what it shows is of another',
  },
  {
    seed: 47471,
    mistake: 'what was delivered was not put back when the log was lost with a message after it that nobody had',
  },
  { seed: 73023, mistake: 'what its sender had repeated into a log that lacked it was put back beside the repetition' },
  {
    seed: 3684,
    mistake: 'a send was answered with the number that another message had been given after a loss',
    faults: 6,
  },
  {
    seed: 29354,
    mistake: 'a late first send was not looked for in what had been put back into an older copy',
    faults: 6,
  },
  { seed: 33956, mistake: 'the tombstone of a deletion was replaced by that of an earlier one', faults: 6 },
  {
    seed: 40066,
    mistake: 'a session was put back in the epoch that a fork had ended just before it was deleted',
    faults: 6,
  },
  {
    seed: 69433,
    mistake: 'what a short tail had was put back after another past than its own',
    faults: 6,
  },
  {
    seed: 2268,
    mistake:
      'what another gateway had put back first was moved to the end by one with a shorter tail, and out of the log',
    faults: 6,
  },
  {
    seed: 76431,
    mistake: 'a message under a number that a gateway had passed and forgotten was taken for the one it had passed',
    faults: 6,
  },
  {
    seed: 94115,
    mistake: 'a client that changed links was told of a gap that had come over the old one',
    faults: 6,
  },
  {
    seed: 937308915,
    mistake: 'the run ended while a member with a dead link was at the newest number, but of the session before',
    faults: 6,
  },
  {
    seed: 986137605,
    mistake: 'a client told of a reset from a later number than the one that was due to it, and then of the gap before',
    faults: 6,
  },
  ...[7704705, 20002452, 20007344].map((seed) => ({
    seed,
    mistake: 'a client that had heard of an expiry was not told that the next history had lost its beginning',
    faults: 6,
  })),
  {
    seed: 319248796,
    mistake: 'a plain member that had joined in an outage got only what the short tail had of the messages since',
    faults: 6,
  },
  {
    seed: 986132225,
    mistake: 'what a fork over a hole had moved was not told where the tail was too short to show it',
    faults: 6,
  },
  {
    seed: 220663575,
    mistake:
      'a member that joined while the log began after its room was promised the log, and then given what was before',
    faults: 6,
  },
  {
    seed: 220663231,
    mistake: 'the audit took a message shown as pending, under the number it had been stored as elsewhere, for a gap',
    faults: 6,
  },
  {
    seed: 319298135,
    mistake: 'a late member with numbers that the session had lost was told only that what followed differs',
    faults: 6,
  },
  {
    seed: 771200186,
    mistake: 'before its first welcome a client refused a message that the gateway would have taken',
    faults: 6,
    scenario: 2,
  },
  {
    seed: 771201451,
    mistake: 'a short message overtook a long one of the same member for which the outage buffer had no room',
    faults: 6,
    scenario: 2,
  },
  {
    seed: 900328,
    mistake: 'the audit wanted a plain member to be given an older message that a fork had moved to the end',
    faults: 6,
  },
  {
    seed: 1429824734,
    mistake: 'the audit wanted a message announced that a late command had stored, for which nobody waited any more',
    faults: 6,
  },
  {
    seed: 794444533,
    mistake: 'a client that was closed in the pause after a refusal left the timer of that pause',
    faults: 6,
    scenario: 3,
  },
  {
    seed: 794453185,
    mistake: 'a page that was reloaded after the clock had been put back sent its newest message first',
    faults: 6,
    scenario: 3,
  },
  {
    seed: 794457191,
    mistake: 'the messages that a session had at the start had no sender key, as no message of the product',
    faults: 6,
    scenario: 3,
  },
  {
    seed: 36580575,
    mistake: 'a retry overtook an earlier message of the same member that had just been refused',
    faults: 6,
    scenario: 3,
  },
  {
    seed: 36581290,
    mistake:
      'a client that heard an expiry before it knew its position did not miss the lost beginning of what came next',
    faults: 6,
    scenario: 3,
  },
  {
    seed: 201286602,
    mistake: 'the audit took a plain member whose first message was pending for one that was owed what came before it',
    faults: 6,
    scenario: 3,
  },
  {
    seed: 201310731,
    mistake:
      'a client with messages of an epoch that no gateway had named took a reset from a later number for granted',
    faults: 6,
    scenario: 3,
  },
  {
    seed: 201315110,
    mistake: 'a room that was opened while the log was lost knew no id, and its appends were refused for ever',
    faults: 6,
    scenario: 3,
  },
  {
    seed: 1696539906,
    mistake:
      'what was put back behind a message that had been stored anew under its old number hid what differed before it',
    scenario: 3,
  },
  {
    seed: 2010391563,
    mistake:
      'the audit missed a message of a deleted session that an old copy of Redis had brought back, and that was deleted again',
    scenario: 3,
  },
  {
    seed: 259595995,
    mistake: 'a message that a new epoch had under its old number by chance hid what stood before it there',
    faults: 6,
    scenario: 3,
  },
  {
    seed: 259600920,
    mistake: 'the audit took a repeated message that had been trimmed for one that its gateway knew to be stored',
    faults: 6,
    scenario: 3,
  },
  {
    seed: 590441997,
    mistake: 'the audit waited for what a log of small bytes had trimmed before a plain member was given what follows',
    faults: 6,
    scenario: 4,
  },
  {
    seed: 3165424004,
    mistake: 'a log that was trimmed while a room put older messages back began behind what the room had delivered',
    faults: 6,
    scenario: 4,
  },
  {
    seed: 3759357286,
    mistake:
      'a member that did not read its refusal sent on, and was let through before it could send that message again',
    scenario: 4,
  },
  {
    seed: 1215692151,
    mistake: 'a client took a gap that began behind missing messages for all that it missed',
    faults: 6,
    scenario: 4,
  },
  {
    seed: 1215699862,
    mistake: 'the audit compared a position with a number that had been trimmed',
    faults: 6,
    scenario: 4,
  },
  {
    seed: 1215754101,
    mistake: 'the audit took a message that had been trimmed, and was put back by a gateway that was behind, for known',
    faults: 6,
    scenario: 4,
  },
  {
    seed: 1215760932,
    mistake: 'the audit expected a gateway to wait for a refused message longer than V20 says',
    faults: 6,
    scenario: 4,
  },
  {
    seed: 1215867710,
    mistake: 'the audit took a room that was opened without Redis for one that knew its epoch',
    faults: 6,
    scenario: 4,
  },
];
