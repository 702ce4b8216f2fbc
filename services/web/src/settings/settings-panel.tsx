import FormControlLabel from '@mui/material/FormControlLabel';
import Paper from '@mui/material/Paper';
import Switch from '@mui/material/Switch';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { isSessionPersistence, SESSION_PERSISTENCE, type sessionPersistenceType } from './session-persistence.js';

interface SettingsPanelProps {
  readonly persistence: sessionPersistenceType;
  readonly onChange: (persistence: sessionPersistenceType) => void;
}

/** The settings: how sessions that are added from now on are kept. */
export function SettingsPanel({ persistence, onChange }: SettingsPanelProps) {
  return (
    <Paper component="section" aria-labelledby="settings-title" variant="outlined" sx={{ p: 2 }}>
      <Typography id="settings-title" component="h2" variant="subtitle1" sx={{ fontWeight: 700, mb: 1.5 }}>
        Settings
      </Typography>
      <TextField
        id="session-persistence"
        select
        fullWidth
        size="small"
        label="Session Persistence"
        value={persistence}
        onChange={({ target: { value } }) => {
          if (isSessionPersistence(value)) onChange(value);
        }}
        helperText={SESSION_PERSISTENCE[persistence].explanation}
        slotProps={{ select: { native: true }, formHelperText: { role: 'status' } }}
      >
        {Object.entries(SESSION_PERSISTENCE).map(([value, { label }]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </TextField>
      <FormControlLabel
        sx={{ mt: 0.5 }}
        control={
          <Switch
            checked={persistence === 'redis'}
            onChange={(_, isOn) => onChange(isOn ? 'redis' : 'localStorage')}
            size="small"
          />
        }
        label="Redis persistence"
        slotProps={{ typography: { variant: 'body2' } }}
      />
      <Typography variant="caption" component="p" sx={{ color: 'text.secondary', mt: 0.5 }}>
        For sessions added from now on. Adding a session again changes how it is kept.
      </Typography>
    </Paper>
  );
}
