/**
 * What the two S3 users of a vault may do, as MinIO policy documents. The worker writes locked objects and
 * reads them by version; the auditor only reads. The Deny statements are what makes a COMPLIANCE lock hold
 * on MinIO: without them a plain PutObject key can replace a locked version (each names the way it shuts).
 * `selftest.ts` proves at each start that they are in force.
 */

export interface PolicyStatement {
  readonly Effect: "Allow" | "Deny";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Readonly<
    Record<string, Readonly<Record<string, string | readonly string[]>>>
  >;
}

export interface Policy {
  readonly Version: "2012-10-17";
  readonly Statement: readonly PolicyStatement[];
}

/** As objects these would hide what lies below them, like an object named as a log. */
const INSTANCE_FOLDERS = ["/_indelible/keys", "/_indelible/canary"];

/**
 * The worker's: put new locked objects, read versions, read locks, list versions. No deletes, no
 * plain listing, no configuration, no legal hold (it is the lock's date that holds an object).
 */
export function workerPolicy(bucket: string): Policy {
  const root = `arn:aws:s3:::${bucket}`;
  const objects = `${root}/*`;
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: ["s3:ListBucketVersions", "s3:GetBucketObjectLockConfiguration"],
        Resource: [root],
      },
      {
        Effect: "Allow",
        Action: ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention"],
        Resource: [objects],
      },
      {
        Effect: "Allow",
        Action: ["s3:PutObject", "s3:PutObjectRetention"],
        // Only below a first level: an object named like a log hides the log's batches from MinIO's listings.
        Resource: [`${objects}/*`],
      },
      { Effect: "Deny", Action: ["s3:PutObject"], Resource: INSTANCE_FOLDERS.map((f) => root + f) },
      ...writeDenials(root),
    ],
  };
}

/** The auditor's: all reads, by key and by version, and no write of any kind. */
export function auditorPolicy(bucket: string): Policy {
  const root = `arn:aws:s3:::${bucket}`;
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: [
          "s3:ListBucket",
          "s3:ListBucketVersions",
          "s3:GetBucketObjectLockConfiguration",
          "s3:GetBucketVersioning",
          "s3:GetBucketLocation",
        ],
        Resource: [root],
      },
      {
        Effect: "Allow",
        Action: [
          "s3:GetObject",
          "s3:GetObjectVersion",
          "s3:GetObjectRetention",
          "s3:GetObjectLegalHold",
        ],
        Resource: [`${root}/*`],
      },
      // The auditor has no right to write, but its key id alone must not be worth a write either.
      ...writeDenials(root),
    ],
  };
}

function writeDenials(root: string): PolicyStatement[] {
  const objects = `${root}/*`;
  return [
    // Snowball (a tar that MinIO unpacks, version ids included) is authorised as the object "" or "prefix/".
    { Effect: "Deny", Action: ["s3:PutObject"], Resource: [`${root}/`, `${objects}/`] },
    // Streaming and unsigned payloads: with them MinIO takes a bogus signature for a good one.
    {
      Effect: "Deny",
      Action: ["s3:PutObject", "s3:PutObjectRetention"],
      Resource: [objects],
      Condition: {
        StringLike: { "s3:x-amz-content-sha256": ["STREAMING-*", "UNSIGNED-*"] },
      },
    },
    // A key id in the query and no signature at all.
    {
      Effect: "Deny",
      Action: ["s3:*"],
      Resource: [root, objects],
      Condition: { StringNotEquals: { "s3:authType": "REST-HEADER" } },
    },
    // Writing onto a version that exists, by PUT, COPY or multipart.
    {
      Effect: "Deny",
      Action: ["s3:PutObject"],
      Resource: [objects],
      Condition: { StringLike: { "s3:versionid": ["?*"] } },
    },
    // Replication headers, deletes, and every configuration that could do the same later.
    {
      Effect: "Deny",
      Action: [
        "s3:Replicate*",
        "s3:Delete*",
        "s3:ForceDeleteBucket",
        "s3:BypassGovernanceRetention",
        "s3:PutBucket*",
        "s3:PutLifecycleConfiguration",
        "s3:PutReplicationConfiguration",
        "s3:PutEncryptionConfiguration",
      ],
      Resource: [root, objects],
    },
  ];
}
